// Goal: an operation that was handed over may be completed, and may take the last handle of its database down, before
// the thread that suspended it has rung: what it rings is still there. Method: simulated time and one thread that plays
// two. Where it rings, in the backend's wake(), it lets everybody else run, and resumes the coroutine itself.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "io/io_backend.hpp"
#include "support/pump.hpp"
#include "support/simulation.hpp"
#include "support/suspended.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite {
namespace {

using testing_support::Pump;
using testing_support::Simulation;
using testing_support::Suspended;
using testing_support::TemporaryDirectory;

// A backend's wake-ups, as seen by whoever rings.
struct WakeUps {
  std::function<void()> before_next;  // what happens before the next one
  bool backend_is_gone = false;
};

// A simulated backend behind which wake() takes as long as the test likes.
class SlowToWake final : public io::IoBackend {
 public:
  SlowToWake(std::unique_ptr<io::IoBackend> below, WakeUps& wake_ups) : below_(std::move(below)), wake_ups_(wake_ups) {}
  ~SlowToWake() override { wake_ups_.backend_is_gone = true; }

  void finish() noexcept override { below_->finish(); }
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override { below_->submit_data_sync(fd, tag); }
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override { below_->submit_full_sync(fd, tag); }
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override {
    below_->submit_durable_write(fd, bytes, offset, tag);
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    below_->submit_write(fd, bytes, offset, tag);
  }
  std::size_t wait(base::Instant deadline, std::span<io::IoCompletion> out) noexcept override {
    return below_->wait(deadline, out);
  }
  std::size_t poll(std::span<io::IoCompletion> out) noexcept override { return below_->poll(out); }
  void wake() noexcept override {
    WakeUps& wake_ups = wake_ups_;
    if (const std::function<void()> before = std::exchange(wake_ups.before_next, nullptr)) before();
    if (wake_ups.backend_is_gone) return;  // and with it this object
    below_->wake();
  }
  [[nodiscard]] std::string_view name() const noexcept override { return below_->name(); }

 private:
  std::unique_ptr<io::IoBackend> below_;
  WakeUps& wake_ups_;
};

class LastHandle : public testing::Test {
 protected:
  Database open() {
    Options options;
    options.path = directory_.file("test.db");
    options.executor = pump_.executor();
    options.flush_interval = std::chrono::milliseconds(5);
    absl::StatusOr<Database> database = pump_.wait_for(detail::open_in(surroundings_, options));
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : Database();
  }
  [[nodiscard]] io::BackendOpener slow_to_wake() {
    return {this, [](void* self, io::BackendChoice choice, const std::string& directory) {
              auto& test = *static_cast<LastHandle*>(self);
              const io::BackendOpener below = test.simulation_.surroundings().backend;
              absl::StatusOr<io::OpenedBackend> opened = below.open(below.context, choice, directory);
              if (opened.ok()) {
                opened->backend = std::make_unique<SlowToWake>(std::move(opened->backend), test.wake_ups_);
              }
              return opened;
            }};
  }

  TemporaryDirectory directory_;
  Simulation simulation_{1};
  Pump pump_{simulation_};
  WakeUps wake_ups_;
  detail::Surroundings surroundings_{.clock = simulation_, .threads = simulation_, .backend = slow_to_wake()};
};

Suspended write_and_end(Database database, bool* ended) {
  const absl::Status status = co_await database.set_async("key", "value", {.ack = Ack::kDurable});
  EXPECT_EQ(status, absl::OkStatus());
  database = Database();
  *ended = true;
}

TEST_F(LastHandle, GoneWithTheCoroutineLeavesTheEngineToWhoeverIsAboutToRing) {
  Database database = open();
  // So that the flusher sleeps for a time, and not until it is woken.
  ASSERT_EQ(pump_.wait_for(database.set_async("earlier", "write")), absl::OkStatus());
  simulation_.sleep(std::chrono::milliseconds(1));
  bool ended = false;
  bool rang_late = false;
  wake_ups_.before_next = [&] {
    pump_.run_until([&] { return ended; });
    rang_late = true;
    EXPECT_FALSE(wake_ups_.backend_is_gone) << "what is about to be woken";
  };
  const Suspended coroutine = write_and_end(std::move(database), &ended);
  EXPECT_TRUE(rang_late);
  EXPECT_TRUE(coroutine.handle.done());
  EXPECT_TRUE(wake_ups_.backend_is_gone) << "now nobody needs it";
  coroutine.handle.destroy();
}

}  // namespace
}  // namespace dictsqlite
