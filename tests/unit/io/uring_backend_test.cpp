// Goal: what UringBackend promises beyond the contract. Method: signals during wait(); a second thread; counting
// descriptors and system calls from outside is left to the contract test and the benchmarks.
#include "io/uring_backend.hpp"
#include "unit/io/scratch.hpp"

#include <gtest/gtest.h>

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>

namespace dictsqlite::io {
namespace {

class UringBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<UringBackend>> opened = UringBackend::open();
    if (!opened.ok()) {
      GTEST_SKIP() << opened.status();
    }
    backend_ = *std::move(opened);
  }
  std::unique_ptr<UringBackend> backend_;
};

std::atomic<int> signals_handled{0};
void count_signal(int) { signals_handled.fetch_add(1); }

// Every system call of the loop may be interrupted: no request, no completion and no wake may get lost by that.
TEST_F(UringBackendTest, SurvivesInterruptions) {
  struct sigaction action {};
  action.sa_handler = count_signal;  // without SA_RESTART
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR2, &action, &before), 0);

  const UnnamedFile file;
  const std::string text(4096, 'x');
  const pthread_t loop = pthread_self();
  std::atomic<bool> stop{false};
  std::thread disturber([&] {
    while (!stop.load()) {
      pthread_kill(loop, SIGUSR2);
      const int seen = signals_handled.load();
      while (signals_handled.load() == seen && !stop.load()) {
        std::this_thread::yield();
      }
    }
  });
  std::array<IoCompletion, kRequestsMax> out;
  for (int round = 0; round < 200; ++round) {
    for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
      backend_->submit_write(file.fd(), std::as_bytes(std::span(text)), tag * text.size(), tag);
    }
    std::size_t count = 0;
    while (count < kRequestsMax) {
      const std::size_t got = backend_->wait(base::kNever, out);
      for (const IoCompletion& completion : std::span(out).first(got)) {
        EXPECT_EQ(completion.result, 4096);
      }
      count += got;
    }
  }
  stop.store(true);
  disturber.join();
  EXPECT_GT(signals_handled.load(), 0);
  sigaction(SIGUSR2, &before, nullptr);
}

TEST_F(UringBackendTest, TheDestructorEndsAnIdleWaitersRead) {
  std::array<IoCompletion, 1> out;
  backend_->wait(base::Instant::zero(), out);  // leaves the wake read in flight
  backend_.reset();
}

using UringBackendDeathTest = UringBackendTest;

TEST_F(UringBackendDeathTest, WaitingOnAnotherThreadIsOurMistake) {
  backend_.reset();
  EXPECT_DEATH(
      {
        auto backend = UringBackend::open();
        std::thread([&backend] {
          std::array<IoCompletion, 1> out;
          (*backend)->wait(base::SteadyClock().now() + std::chrono::seconds(1), out);
        }).join();
      },
      "only the thread that opened the ring");
}

}  // namespace
}  // namespace dictsqlite::io
