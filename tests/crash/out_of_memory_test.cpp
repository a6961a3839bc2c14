// Goal: whichever allocation fails, a database says so, or its process ends at once; it never hangs and never answers
//       wrongly, and what it leaves opens to a prefix with everything in it that was reported durable (F4; P1 to P4).
//       An exception that reaches the caller is an end, too: nobody here catches it.
// Method: a forked process opens the database, writes the kill loop's numbered writes, reads, and closes, while the nth
//       call of the global operator new, or of SQLite's malloc, fails: once, or it and all later ones. What it says is
//       judged by the kill loop's judge when this process opens the same files, which go from one run to the next.
//
// DICTSQLITE_SEED=n repeats the writes and the allocations that fail.
#include "crash/failing_memory.hpp"
#include "crash/kill_loop_oracle.hpp"
#include "crash/kill_loop_plan.hpp"
#include "crash/kill_loop_report.hpp"
#include "crash/plain_sqlite.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::kill_loop {
namespace {

constexpr int kEndedForWantOfMemory = 77;
constexpr int kThrewAtItsCaller = 78;  // as the copying of its arguments may
constexpr std::uint64_t kWritesARun = 60;
constexpr unsigned kSecondsMax = 60;

Options options_for(const std::string& path, Journal journal) {
  Options options;
  options.path = path;
  options.journal = journal;
  options.log_bytes = std::size_t{4} << 20;
  options.cache_bytes = std::size_t{1} << 20;
  options.unapplied_bytes = std::size_t{1} << 20;
  options.batch_bytes_max = std::size_t{512} << 10;
  options.batch_rows_max = 1'000;
  options.value_bytes_max = kValueBytesMax;
  options.wal_bytes = std::size_t{256} << 10;
  options.buffer_size = 10;
  options.flush_interval = std::chrono::milliseconds(2);
  return options;
}

// The process that runs short of memory. Its end says how it went: 0, kEndedForWantOfMemory, or 1 after a sentence.
class ShortLife {
 public:
  ShortLife(Options options, Content content, std::uint64_t first_number, int reports)
      : options_(std::move(options)), content_(std::move(content)), number_(first_number), reports_(reports) {}

  [[noreturn]] void run(Memory memory, std::uint64_t n, Shortage shortage) {
    ::alarm(kSecondsMax);
    // A bad_alloc that nobody may catch; not an assertion, which aborts.
    std::set_terminate([] {
      if (has_failed()) ::_exit(kEndedForWantOfMemory);
      std::abort();
    });
    fail_allocation(memory, n, shortage);
    try {
      live();
    } catch (const std::bad_alloc&) {
      ::_exit(kThrewAtItsCaller);
    }
    const std::uint64_t count = end_shortage();
    report(has_failed() ? EventKind::kFailed : EventKind::kOpened, count);
    ::_exit(0);
  }

 private:
  void live() {
    std::optional<absl::StatusOr<Database>> opened(Database::open(options_));
    if (!opened->ok()) {
      refused_only("open", opened->status());
      opened.emplace(Database::open(options_));  // what failed once may succeed now
      if (!opened->ok()) return check_shortage("open again", opened->status());
    }
    Database& db = **opened;
    const std::uint64_t last = number_ + kWritesARun;
    for (; number_ < last; ++number_) {
      if (!write(db)) break;
      if (number_ % 4 == 0) read(db);
      if (number_ % 25 == 0) scan(db);
    }
    const absl::Status closed = db.close();
    if (closed.ok() && !refused_) report(EventKind::kClosed, 0);
  }

  // False if the database takes no more.
  bool write(Database& db) {
    const SpareMemory spare;
    const PlannedWrite planned = plan_write(0, number_);
    report(EventKind::kStarted, number_);
    WriteBatch batch;
    for (const PlannedRow& row : planned.rows) row.erase ? batch.erase(row.key) : batch.set(row.key, row.value);
    constexpr int kTries = 3;
    for (int tries = 0; tries < kTries; ++tries) {
      const absl::Status status = write_once(db, planned, batch);
      if (status.ok()) {
        report(planned.durable ? EventKind::kDurable : EventKind::kAccepted, number_);
        for (const PlannedRow& row : planned.rows) {
          if (row.erase) {
            content_.erase(row.key);
          } else {
            content_[row.key] = row.value;
          }
        }
        return true;
      }
      if (!absl::IsResourceExhausted(status)) {
        refused_only("a write", status);
        break;
      }
    }
    refused_ = true;
    return false;
  }
  absl::Status write_once(Database& db, const PlannedWrite& planned, const WriteBatch& batch) {
    const ShortMemory short_again;
    const WriteOptions options{planned.durable ? Ack::kDurable : Ack::kAccepted};
    const PlannedRow& row = planned.rows.front();
    if (planned.rows.size() > 1) return db.write(batch, options);
    return row.erase ? db.erase(row.key, options) : db.set(row.key, row.value, options);
  }

  void read(Database& db) {
    const SpareMemory spare;
    for (std::size_t key = number_ % 7; key < kKeysPerWriter; key += 7) {
      const std::string name = "w0:" + std::to_string(key);
      const absl::StatusOr<Value> value = [&] {
        const ShortMemory short_again;
        return db.get(name);
      }();
      const auto expected = content_.find(name);
      if (value.ok() ? expected == content_.end() || value->view() != expected->second
                     : absl::IsNotFound(value.status()) && expected != content_.end()) {
        give_up("a wrong answer", absl::UnknownError(name));
      }
      if (!value.ok() && !absl::IsNotFound(value.status())) check_shortage("get", value.status());
    }
  }

  void scan(Database& db) {
    const SpareMemory spare;
    std::size_t rows = 0;
    Scan scan = [&] {
      const ShortMemory short_again;
      return db.scan();
    }();
    while (true) {
      const std::optional<Row> row = [&] {
        const ShortMemory short_again;
        return scan.next();
      }();
      if (!row.has_value()) break;
      ++rows;
      const auto expected = content_.find(row->key);
      if (expected == content_.end() || row->value != expected->second) {
        give_up("a wrong row", absl::UnknownError(row->key));
      }
    }
    if (scan.status().ok() ? rows != content_.size() : !has_failed()) give_up("a scan", scan.status());
  }

  // An error of a call for want of memory, or of a database that has failed for it.
  void refused_only(const char* what, const absl::Status& status) {
    check_shortage(what, status);
    if (absl::IsDataLoss(status) || absl::IsInvalidArgument(status)) give_up(what, status);
  }
  void check_shortage(const char* what, const absl::Status& status) {
    if (!has_failed()) give_up(what, status);
  }

  [[noreturn]] static void give_up(const char* what, const absl::Status& status) {
    const SpareMemory spare;
    std::fprintf(stderr, "out of memory child: %s: %s\n", what, status.ToString().c_str());
    ::_exit(1);
  }
  void report(EventKind kind, std::uint64_t number) const {
    const ReportEvent event{kind, 0, 0, 0, number};
    if (::write(reports_, &event, sizeof event) != ssize_t{sizeof event}) ::_exit(1);
  }

  const Options options_;
  Content content_;
  std::uint64_t number_;
  const int reports_;
  bool refused_ = false;
};

class OutOfMemory : public testing::TestWithParam<std::tuple<Memory, Shortage, Journal>> {
 protected:
  // Syncs cost nothing there, and are not what this is about.
  OutOfMemory() : directory_("/dev/shm/dictsqlite-XXXXXX") {
    if (::mkdtemp(directory_.data()) == nullptr) {
      directory_ = testing::TempDir() + "dictsqlite-XXXXXX";
      EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    }
  }
  ~OutOfMemory() override { std::filesystem::remove_all(directory_); }

  // One short life, and what it leaves. `n` 0: memory lasts. A sentence if something is wrong.
  std::string live(std::uint64_t n) {
    const auto [memory, shortage, journal] = GetParam();
    const Options options = options_for(directory_ + "/world.db", journal);
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    const std::uint64_t first = oracle_.next_number(0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ShortLife(options, content_, first, ends[1]).run(memory, n == 0 ? ~std::uint64_t{0} : n, shortage);
    }
    ::close(ends[1]);
    ReportEvent event{};
    while (::read(ends[0], &event, sizeof event) == ssize_t{sizeof event}) {
      if (event.kind == EventKind::kFailed || event.kind == EventKind::kOpened) {
        allocations_ = event.number;
        if (event.kind == EventKind::kFailed) ++survivals_;
      } else {
        oracle_.take(event);
      }
    }
    ::close(ends[0]);
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "it hangs";
    const int result = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (result == kThrewAtItsCaller) {
      ++throws_;
    } else if (result == kEndedForWantOfMemory) {
      ++ends_;
    } else if (result != 0) {
      return "it ended with status " + std::to_string(status);
    }
    return judge(options);
  }

  std::string judge(const Options& options) {
    absl::StatusOr<Database> db = Database::open(options);
    if (!db.ok()) return "opening what it left: " + db.status().ToString();
    if (const absl::Status closed = db->close(); !closed.ok()) return "closing what it left: " + closed.ToString();
    content_.clear();
    std::string wrong = read_by_sqlite(options.path, SQLITE_OPEN_READONLY, content_);
    return wrong.empty() ? oracle_.judge(content_) : wrong;
  }

  std::string directory_;
  Oracle oracle_{1};
  Content content_;
  std::uint64_t allocations_ = 0;  // of the last life that came to its end
  std::uint64_t survivals_ = 0;    // lives that came to their end although memory had been short
  std::uint64_t ends_ = 0;         // lives that ended for want of memory
  std::uint64_t throws_ = 0;       // lives that ended by an exception which reached a caller
};

std::string name_of(const testing::TestParamInfo<OutOfMemory::ParamType>& tested) {
  const auto [memory, shortage, journal] = tested.param;
  return std::string(memory == Memory::kSqlite ? "Sqlite" : "OperatorNew") +
         (shortage == Shortage::kOnce ? "Once" : "ForGood") + (journal == Journal::kOn ? "WithLog" : "WithoutLog");
}

INSTANTIATE_TEST_SUITE_P(All, OutOfMemory,
                         testing::Combine(testing::Values(Memory::kOperatorNew, Memory::kSqlite),
                                          testing::Values(Shortage::kOnce, Shortage::kForGood),
                                          testing::Values(Journal::kOff, Journal::kOn)),
                         name_of);

TEST_P(OutOfMemory, IsAnErrorOrTheEndAndLosesNothingThatIsDurable) {
  ASSERT_EQ(live(0), "");
  ASSERT_EQ(live(0), "");  // the first one created the database
  const std::uint64_t all = allocations_;
  ASSERT_GT(all, 100u);
  const std::uint64_t runs = std::min<std::uint64_t>(testing_support::scaled(150), all);
  testing_support::Random random(all);
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::uint64_t n = runs == all ? run + 1 : 1 + random.below(all);
    ASSERT_EQ(live(n), "") << "allocation " << n << " of " << all
                           << " or so, DICTSQLITE_SEED=" << testing_support::seed();
  }
  std::printf(
      "%llu lives with one of about %llu allocations failing: %llu went on, %llu ended, %llu threw at a caller\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(all),
      static_cast<unsigned long long>(survivals_), static_cast<unsigned long long>(ends_),
      static_cast<unsigned long long>(throws_));
  EXPECT_GE(2 * (survivals_ + ends_ + throws_), runs) << "most meet the shortage";
}

}  // namespace
}  // namespace dictsqlite::kill_loop

int main(int argc, char** argv) {
  dictsqlite::kill_loop::let_sqlite_memory_fail();
  (void)dictsqlite::testing_support::seed();  // before a fork: both sides plan with it
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
