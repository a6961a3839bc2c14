// Goal: with a log and without, the same writes make the same database: the same answers, and after every flush the
// same rows and the same last sequence in the file. Method: the same random operations, from one seed, on two
// databases; now and then both end, closed or destroyed, and go on with the log on the other one.
#include <dictsqlite/dictsqlite.hpp>

#include "support/foreign_reader.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace dictsqlite {
namespace {

using testing_support::ForeignReader;
using testing_support::open_database;
using testing_support::Random;
using testing_support::scaled;
using testing_support::TemporaryDirectory;

// What both are asked to do.
class Pair {
 public:
  Pair() { open(); }

  // `operation` gives what it was answered, as a text.
  template <class Operation>
  void both(Operation&& operation) {
    const std::string first = operation(databases_[0]);
    EXPECT_EQ(first, operation(databases_[1]));
  }
  void reopen(bool closed_before) {
    for (Database& database : databases_) {
      if (closed_before) {
        EXPECT_EQ(database.close(), absl::OkStatus());
      }
      database = Database();
    }
    std::swap(journals_[0], journals_[1]);  // whose turn it is to have a log
    open();
  }
  void compare_files() {
    for (Database& database : databases_) ASSERT_EQ(database.flush(), absl::OkStatus());
    EXPECT_EQ(databases_[0].stats().settled_sequence, databases_[1].stats().settled_sequence);
    ForeignReader first(path(0));
    ForeignReader second(path(1));
    EXPECT_EQ(first.rows(), second.rows());
  }

 private:
  [[nodiscard]] std::string path(std::size_t which) const { return directory_.file(which == 0 ? "a.db" : "b.db"); }
  void open() {
    for (std::size_t which = 0; which < databases_.size(); ++which) {
      Options options;
      options.path = path(which);
      options.journal = journals_[which];
      options.log_bytes = 4u << 20;
      options.value_bytes_max = 100'000;
      options.batch_bytes_max = 100'000;
      options.batch_rows_max = 1'000;
      options.buffer_size = 20;
      options.flush_interval = std::chrono::milliseconds(3);
      options.unapplied_bytes = 1u << 20;
      options.cache_bytes = 1u << 20;
      options.page_bytes = 1024;
      databases_[which] = open_database(options);
    }
  }

  const TemporaryDirectory directory_;
  std::array<Journal, 2> journals_{Journal::kOff, Journal::kOn};
  std::array<Database, 2> databases_;
};

std::string text_of(const absl::StatusOr<Value>& value) {
  return value.ok() ? "=" + std::string(value->view()) : absl::StatusCodeToString(value.status().code());
}

TEST(JournalDifferential, TheSameWritesMakeTheSameDatabase) {
  Random random;
  Pair pair;
  const auto any_key = [&] { return "key " + std::to_string(random.below(300)); };
  for (std::size_t count = scaled(6'000); count > 0 && !testing::Test::HasFailure(); --count) {
    const std::string key = any_key();
    const WriteOptions how{.ack = random.one_in(100) ? Ack::kDurable : Ack::kAccepted};
    const std::size_t kind = random.below(1'000);
    if (kind < 500) {
      const std::string value = random.bytes(random.one_in(50) ? random.below(50'000) : random.below(500));
      pair.both([&](Database& database) { return database.set(key, value, how).ToString(); });
    } else if (kind < 700) {
      pair.both([&](Database& database) { return database.erase(key, how).ToString(); });
    } else if (kind < 800) {
      WriteBatch batch;
      for (std::size_t row = random.below(20); row > 0; --row) {
        if (random.one_in(3)) {
          batch.erase(any_key());
        } else {
          batch.set(any_key(), random.bytes(random.below(300)));
        }
      }
      pair.both([&](Database& database) { return database.write(batch, how).ToString(); });
    } else if (kind < 990) {
      pair.both([&](Database& database) { return text_of(database.get(key)); });
    } else if (kind < 997) {
      pair.compare_files();
    } else {
      pair.reopen(random.one_in(2));
    }
  }
  pair.compare_files();
}

}  // namespace
}  // namespace dictsqlite
