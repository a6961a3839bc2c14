// Goal: the destructor gives up after Options::close_timeout whatever the flusher is doing: a transaction is rolled
// back in its midst, a log is left as it is. Method: the flusher is held until the destructor's second, unlimited wait
// shows that it has given up.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "support/fault_vfs.hpp"
#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"
#include "unit/database/held_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <utility>

namespace dictsqlite {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::HeldThread;
using testing_support::TemporaryDirectory;

// The system's threads; tells when a marked one begins to wait without a limit.
class WatchedThreads final : public task::ThreadHost {
 public:
  static void mark_this_thread() { marked_ = true; }
  void wait_until_marked_one_waits() { waits_.get_future().wait(); }

  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept override {
    if (marked_ && deadline == base::kNever && !told_.exchange(true)) waits_.set_value();
    return task::system_threads().wait(word, expected, deadline);
  }
  void wake_one(const std::atomic<std::uint32_t>* word) noexcept override { task::system_threads().wake_one(word); }
  void thread_starts(const char* /*name*/) noexcept override {}
  void thread_refused(const char* /*name*/) noexcept override {}
  void thread_begins(const char* /*name*/) noexcept override {}
  void thread_ends(const char* /*name*/) noexcept override {}
  void joins(const char* /*name*/) noexcept override {}

 private:
  static inline thread_local bool marked_ = false;
  std::atomic<bool> told_{false};
  std::promise<void> waits_;
};

class GiveUp : public testing::Test {
 protected:
  GiveUp() : surroundings_{.threads = threads_, .vfs_name = vfs_.name()} {
    options_.path = directory_.file("test.db");
    options_.persist_mode = PersistMode::kLazy;
    options_.close_timeout = std::chrono::milliseconds(0);
    options_.writer_cache_bytes = 64u << 10;  // a long transaction writes to the log in its midst
    options_.event_hook = {[](void* losses, const Event& event) noexcept {
                             if (event.kind == EventKind::kClosedWithLoss) ++*static_cast<std::atomic<int>*>(losses);
                           },
                           &losses_};
    absl::StatusOr<Database> database = detail::open_in(surroundings_, options_).wait();
    EXPECT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }
  [[nodiscard]] std::thread destroyed() {
    return std::thread([this] {
      WatchedThreads::mark_this_thread();
      const Database gone = std::move(database_);
    });
  }
  [[nodiscard]] Database reopened() const {
    Options options;
    options.path = options_.path;
    return testing_support::open_database(options);
  }

  TemporaryDirectory directory_;
  FaultVfs vfs_;
  WatchedThreads threads_;
  detail::Surroundings surroundings_;
  Options options_;
  std::atomic<int> losses_{0};
  Database database_;
};

TEST_F(GiveUp, ATransactionIsRolledBackInItsMidst) {
  ASSERT_EQ(database_.set("before", "1", {.ack = Ack::kDurable}), absl::OkStatus());
  for (int number = 0; number < 20'000; ++number) {
    ASSERT_EQ(database_.set("key" + std::to_string(number), std::string(100, 'v')), absl::OkStatus());
  }
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, 0, 0, 1, [&] { threads_.wait_until_marked_one_waits(); }});
  destroyed().join();
  EXPECT_EQ(losses_.load(), 1);
  vfs_.clear();
  Database database = reopened();
  EXPECT_EQ(database.get("before")->view(), "1");
  EXPECT_EQ(database.get("key0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(database.get("key19999").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(GiveUp, ALogIsNotCopiedAndNothingInItLost) {
  ASSERT_EQ(database_.set("a", std::string(100'000, 'v'), {.ack = Ack::kDurable}), absl::OkStatus());
  HeldThread flusher;
  flusher.hold(database_.set_async("b", "2", {.ack = Ack::kDurable}));
  std::thread destroying = destroyed();
  threads_.wait_until_marked_one_waits();
  flusher.let_go();
  destroying.join();
  EXPECT_EQ(losses_.load(), 0);
  EXPECT_GT(std::filesystem::file_size(options_.path + "-wal"), 100'000u) << "copying it is the next life's";
  Database database = reopened();
  EXPECT_EQ(database.get("a")->size(), 100'000u);
  EXPECT_EQ(database.get("b")->view(), "2");
}

}  // namespace
}  // namespace dictsqlite
