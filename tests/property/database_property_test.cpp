// Goal: a database behaves like a std::map, whatever the persist mode, the I/O backend and the size of the cache, over
// closing and reopening; and after every flush the cache and the file agree, key by key, both ways [P7]. Method: random
// operations in random forms (blocking, awaited, callback) against the map; a foreign SQLite connection reads the file.
#include <dictsqlite/dictsqlite.hpp>

#include "support/foreign_reader.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::ForeignReader;
using testing_support::open_database;
using testing_support::Random;
using testing_support::scaled;
using testing_support::TemporaryDirectory;

enum class CacheSize { kTiny, kLarge };

struct Setting {
  PersistMode mode;
  IoBackendChoice backend;
  CacheSize cache;
  Journal journal = Journal::kOff;
};

std::string name_of(const testing::TestParamInfo<Setting>& info) {
  static constexpr const char* kModes[] = {"Memory", "Lazy", "WriteBehind", "WriteThrough"};
  const Setting& setting = info.param;
  return std::string(kModes[static_cast<int>(setting.mode)]) +
         (setting.backend == IoBackendChoice::kThreads ? "OnThreads" : "OnAuto") +
         (setting.cache == CacheSize::kTiny ? "TinyCache" : "LargeCache") +
         (setting.journal == Journal::kOn ? "Journaled" : "");
}

class DatabaseProperty : public testing::TestWithParam<Setting> {
 protected:
  DatabaseProperty()
      : random_(static_cast<std::uint64_t>(GetParam().mode) * 100 + static_cast<std::uint64_t>(GetParam().cache)) {
    for (std::size_t count = 0; count < 250; ++count) pool_.push_back(make_key());
    open();
  }

  [[nodiscard]] bool on_disk() const { return GetParam().mode != PersistMode::kMemory; }
  void open() {
    Options options;
    options.path = directory_.file("test.db");
    options.persist_mode = GetParam().mode;
    options.io_backend = GetParam().backend;
    options.journal = GetParam().journal;
    options.log_bytes = 8u << 20;
    options.batch_rows_max = 1'000;
    options.flush_interval = std::chrono::milliseconds(5);
    options.buffer_size = 20;
    options.ring_capacity = 64;
    options.page_bytes = 1024;
    options.value_bytes_max = 1u << 20;
    options.cache_bytes = GetParam().cache == CacheSize::kTiny && on_disk() ? 1u << 20 : 64u << 20;
    options.unapplied_bytes = 3u << 20;
    options.batch_bytes_max = 2u << 20;
    database_ = open_database(options);
  }
  void reopen() {
    ASSERT_EQ(database_.close(), absl::OkStatus());
    open();
  }

  // Keys of many lengths and bytes, several of them with common beginnings.
  std::string make_key() {
    const std::size_t length = random_.one_in(20) ? 1 + random_.below(4096) : 1 + random_.below(24);
    std::string key = random_.bytes(length);
    if (random_.one_in(2)) {
      for (char& byte : key) byte = "\0ab\xFF"[static_cast<unsigned char>(byte) % 4];
    }
    return key;
  }
  const std::string& any_key() { return pool_[random_.below(pool_.size())]; }
  std::string any_value() {
    switch (random_.below(40)) {
      case 0:
        return "";
      case 1:
        return random_.bytes(8000 + random_.below(400));  // around the largest block of the slab
      case 2:
        return random_.bytes(20'000 + random_.below(50'000));
      case 3:
        return random_.one_in(10) ? random_.bytes(1u << 20) : random_.bytes(Value::kInlineBytes + random_.below(2));
      default:
        return random_.bytes(random_.below(10'000));
    }
  }
  WriteOptions any_ack() {
    if (!on_disk() || !random_.one_in(50)) return {};
    return {.ack = Ack::kDurable};
  }

  // One operation, run in one of the three ways.
  template <class Operation>
  typename Operation::Result run(Operation operation) {
    switch (random_.below(3)) {
      case 0:
        return std::move(operation).wait();
      case 1:
        return sync_wait(std::move(operation));
      default: {
        std::promise<typename Operation::Result> promise;
        std::move(operation).start(
            [&promise](typename Operation::Result result) noexcept { promise.set_value(std::move(result)); });
        return promise.get_future().get();
      }
    }
  }

  void set() {
    const std::string& key = any_key();
    std::string value = any_value();
    ASSERT_EQ(run(database_.set_async(key, value, any_ack())), absl::OkStatus());
    model_[key] = std::move(value);
  }
  void erase() {
    const std::string& key = any_key();
    ASSERT_EQ(run(database_.erase_async(key, any_ack())), absl::OkStatus());
    model_.erase(key);
  }
  void write() {
    WriteBatch batch;
    for (std::size_t rows = random_.below(30); rows > 0; --rows) {
      const std::string& key = any_key();
      if (random_.one_in(3)) {
        batch.erase(key);
        model_.erase(key);
      } else {
        std::string value = random_.bytes(random_.below(2'000));
        batch.set(key, value);
        model_[key] = std::move(value);
      }
    }
    ASSERT_EQ(run(database_.write_async(batch, any_ack())), absl::OkStatus());
  }
  void expect(const absl::StatusOr<Value>& result, const std::string& key) {
    const auto found = model_.find(key);
    if (found == model_.end()) {
      ASSERT_EQ(result.status().code(), absl::StatusCode::kNotFound);
      ASSERT_EQ(result.status().message(), "");
    } else {
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_EQ(result->view(), found->second);
    }
  }
  void get() {
    const std::string& key = any_key();
    expect(run(database_.get_async(key)), key);
  }
  void contains() {
    const std::string& key = any_key();
    const absl::StatusOr<bool> result = run(database_.contains_async(key));
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(*result, model_.contains(key));
  }
  void batch_get() {
    std::vector<std::string_view> keys;
    for (std::size_t count = random_.below(100); count > 0; --count) {
      keys.push_back(random_.one_in(50) ? std::string_view() : std::string_view(any_key()));
    }
    const std::vector<absl::StatusOr<Value>> results = run(database_.batch_get_async(keys));
    ASSERT_EQ(results.size(), keys.size());
    for (std::size_t index = 0; index < keys.size(); ++index) {
      if (keys[index].empty()) {
        ASSERT_EQ(results[index].status().code(), absl::StatusCode::kInvalidArgument);
      } else {
        expect(results[index], std::string(keys[index]));
      }
    }
  }

  void scan() {
    ScanOptions options;
    switch (random_.below(3)) {
      case 0:
        break;
      case 1:
        options.prefix = any_key().substr(0, 1 + random_.below(2));
        break;
      default:
        options.from = random_.one_in(4) ? "" : any_key();
        options.to = random_.one_in(4) ? "" : any_key();
    }
    if (random_.one_in(2)) options.limit = 1 + random_.below(20);
    options.reverse = random_.one_in(2);
    std::vector<std::pair<std::string, std::string>> expected;
    for (const auto& row : model_) {
      if (!options.prefix.empty() && !row.first.starts_with(options.prefix)) continue;
      if (row.first < options.from || (!options.to.empty() && row.first >= options.to)) continue;
      expected.push_back(row);
    }
    if (options.reverse) std::reverse(expected.begin(), expected.end());
    if (options.limit != 0 && expected.size() > options.limit) expected.resize(options.limit);

    Scan scan = database_.scan(options);
    std::size_t count = 0;
    while (std::optional<Row> row = run(scan.next_async())) {
      ASSERT_LT(count, expected.size());
      ASSERT_EQ(row->key, expected[count].first);
      ASSERT_EQ(row->value, expected[count].second);
      ASSERT_EQ(scan.resume_key(), row->key);
      ++count;
    }
    ASSERT_EQ(scan.status(), absl::OkStatus());
    ASSERT_EQ(count, expected.size());
  }

  void flush() {
    if (!on_disk()) {
      ASSERT_EQ(run(database_.flush_async()).code(), absl::StatusCode::kInvalidArgument);
      return;
    }
    ASSERT_EQ(run(database_.flush_async()), absl::OkStatus());
    ForeignReader reader(directory_.file("test.db"));
    const std::map<std::string, std::string> rows = reader.rows();
    ASSERT_EQ(rows.size(), model_.size());
    ASSERT_TRUE(rows == model_) << "the file differs from what was written";
    for (const std::string& key : pool_) expect(database_.get(key), key);
  }
  void sync() {
    const absl::Status status = run(database_.sync_async());
    ASSERT_EQ(status.code(), on_disk() ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument);
  }

  void step() {
    const std::size_t dice = random_.below(1000);
    if (dice < 400) return set();
    if (dice < 450) return erase();
    if (dice < 500) return write();
    if (dice < 850) return get();
    if (dice < 900) return contains();
    if (dice < 950) return batch_get();
    if (dice < 985) return scan();
    if (dice < 992) return flush();
    if (dice < 996) return sync();
    if (dice < 998 && on_disk()) return reopen();
  }

  Random random_;
  TemporaryDirectory directory_;
  std::vector<std::string> pool_;
  std::map<std::string, std::string> model_;
  Database database_;
};

TEST_P(DatabaseProperty, BehavesLikeAMap) {
  for (std::size_t count = 0; count < scaled(4'000); ++count) {
    step();
    ASSERT_FALSE(HasFatalFailure()) << "at operation " << count;
  }
  flush();
  ASSERT_EQ(database_.close(), absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(
    , DatabaseProperty,
    testing::Values(Setting{PersistMode::kMemory, IoBackendChoice::kAuto, CacheSize::kLarge},
                    Setting{PersistMode::kLazy, IoBackendChoice::kAuto, CacheSize::kTiny},
                    Setting{PersistMode::kLazy, IoBackendChoice::kThreads, CacheSize::kLarge},
                    Setting{PersistMode::kWriteBehind, IoBackendChoice::kAuto, CacheSize::kTiny},
                    Setting{PersistMode::kWriteBehind, IoBackendChoice::kAuto, CacheSize::kLarge},
                    Setting{PersistMode::kWriteBehind, IoBackendChoice::kThreads, CacheSize::kTiny},
                    Setting{PersistMode::kWriteThrough, IoBackendChoice::kAuto, CacheSize::kTiny},
                    Setting{PersistMode::kWriteThrough, IoBackendChoice::kThreads, CacheSize::kLarge},
                    Setting{PersistMode::kLazy, IoBackendChoice::kThreads, CacheSize::kTiny, Journal::kOn},
                    Setting{PersistMode::kWriteBehind, IoBackendChoice::kAuto, CacheSize::kTiny, Journal::kOn},
                    Setting{PersistMode::kWriteBehind, IoBackendChoice::kThreads, CacheSize::kLarge, Journal::kOn},
                    Setting{PersistMode::kWriteThrough, IoBackendChoice::kAuto, CacheSize::kTiny, Journal::kOn}),
    name_of);

}  // namespace
}  // namespace dictsqlite
