// Goal: a kernel that refuses io_uring costs nothing but io_uring (F5, P11): with and without a log a database opens,
//       says so once, works, closes and keeps everything; it dies like any other; and who insists on io_uring is told.
// Method: a process under a seccomp filter that answers io_uring_setup with EPERM, as container runtimes do, or with
//       ENOSYS, as kernels without it; in it the public interface with default options, and a short kill loop.
#include "crash/kill_loop_main.hpp"
#include "crash/kill_loop_parent.hpp"
#include "support/forked.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/refused_call.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include <sys/syscall.h>
#include <unistd.h>

namespace dictsqlite::kill_loop {
namespace {

using testing_support::in_fork;

std::string refuse_io_uring(int error) { return testing_support::refuse_call(__NR_io_uring_setup, error); }

constexpr int kKeys = 200;

std::string key_of(int number) { return "key " + std::to_string(number); }
std::string value_of(int number) { return std::string(static_cast<std::size_t>(number) * 10, 'v'); }

std::string write_all_kinds(Database& db) {
  for (int number = 0; number < kKeys; ++number) {
    const Ack ack = number % 10 == 0 ? Ack::kDurable : Ack::kAccepted;
    if (const absl::Status status = db.set(key_of(number), value_of(number), {ack}); !status.ok()) {
      return "set: " + status.ToString();
    }
  }
  WriteBatch batch;
  batch.set("of a batch", "1");
  batch.erase(key_of(0));
  for (const absl::Status& status : {db.write(batch), db.sync(), db.erase(key_of(1)), db.flush()}) {
    if (!status.ok()) return "batch, sync, erase or flush: " + status.ToString();
  }
  return "";
}

std::string look_for_all(Database& db) {
  for (int number = 0; number < kKeys; ++number) {
    const absl::StatusOr<Value> value = db.get(key_of(number));
    if (number < 2 ? !absl::IsNotFound(value.status()) : !value.ok() || value->view() != value_of(number)) {
      return "get of " + key_of(number) + ": " + value.status().ToString();
    }
  }
  return db.contains("of a batch").value_or(false) ? "" : "the batch is not there";
}

std::string work_without_uring(const std::string& path, Journal journal) {
  testing_support::EventLog events;
  Options options;
  options.path = path;
  options.journal = journal;
  options.event_hook = events.hook();
  for (int life = 0; life < 2; ++life) {
    events.clear();
    absl::StatusOr<Database> db = Database::open(options);
    if (!db.ok()) return "open: " + db.status().ToString();
    if (db->stats().io_backend != "threads") return "the backend is " + std::string(db->stats().io_backend);
    if (events.count(dictsqlite::EventKind::kIoBackendFallback) != 1) return "events: " + events.all();
    std::string wrong = life == 0 ? write_all_kinds(*db) : look_for_all(*db);
    if (!wrong.empty()) return wrong;
    if (const absl::Status status = db->close(); !status.ok()) return "close: " + status.ToString();
    if (events.count(dictsqlite::EventKind::kFailed) != 0) return "events: " + events.all();
  }
  return "";
}

class RefusedUring : public testing::TestWithParam<std::tuple<int, Journal>> {};

INSTANTIATE_TEST_SUITE_P(All, RefusedUring,
                         testing::Combine(testing::Values(EPERM, ENOSYS), testing::Values(Journal::kOff, Journal::kOn)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param) == EPERM ? "NotPermitted" : "NotThere") +
                                  (std::get<1>(tested.param) == Journal::kOn ? "WithLog" : "WithoutLog");
                         });

TEST_P(RefusedUring, ADatabaseWorksWithAHelperThreadAndSaysSo) {
  const auto [error, journal] = GetParam();
  const testing_support::TemporaryDirectory directory;
  const std::string path = directory.file("world.db");
  EXPECT_EQ(in_fork([&] {
              std::string wrong = refuse_io_uring(error);
              return wrong.empty() ? work_without_uring(path, journal) : wrong;
            }),
            "");
}

TEST_P(RefusedUring, WhoInsistsIsTold) {
  const auto [error, journal] = GetParam();
  const testing_support::TemporaryDirectory directory;
  Options options;
  options.path = directory.file("world.db");
  options.journal = journal;
  options.io_backend = IoBackendChoice::kUring;
  EXPECT_EQ(in_fork([&] {
              std::string wrong = refuse_io_uring(error);
              const absl::Status status = Database::open(options).status();
              return absl::IsUnavailable(status) ? wrong : "open: " + status.ToString();
            }),
            "");
}

TEST(RefusedUringKillLoop, LeavesAPrefix) {
  const testing_support::TemporaryDirectory directory;
  const std::size_t rounds = testing_support::scaled(40);
  EXPECT_EQ(in_fork(
                [&] {
                  std::string wrong = refuse_io_uring(EPERM);
                  KillLoop loop(directory.file("killed.db"), kWritersMax, 300);
                  Kill kill;
                  for (std::size_t round = 0; round < rounds && wrong.empty(); ++round) wrong = loop.round(kill);
                  return wrong.empty() ? loop.clean_round() : wrong;
                },
                static_cast<unsigned>(60 + 2 * rounds)),
            "")
      << "DICTSQLITE_SEED=" << testing_support::seed();
}

}  // namespace
}  // namespace dictsqlite::kill_loop

int main(int argc, char** argv) { return dictsqlite::kill_loop::run_tests_or_child(argc, argv); }
