// Goal: what ThreadsBackend promises beyond the contract. Method: direct calls, signals to the process.
#include "io/threads_backend.hpp"

#include "support/library_threads.hpp"
#include "unit/io/scratch.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::io {
namespace {

TEST(ThreadsBackend, CarriesOutRequestsInTheOrderTheyCame) {
  const UnnamedFile file;
  auto backend = ThreadsBackend::open();
  ASSERT_TRUE(backend.ok());
  std::array<std::string, kRequestsMax> texts;
  for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
    texts[tag] = std::string(1, static_cast<char>('0' + tag));
    (*backend)->submit_write(file.fd(), std::as_bytes(std::span(texts[tag])), 0, tag);
  }
  std::uint64_t next = 0;
  std::array<IoCompletion, 16> out;
  while (next < kRequestsMax) {
    const std::size_t count = (*backend)->wait(base::kNever, out);
    for (const IoCompletion& completion : std::span(out).first(count)) {
      EXPECT_EQ(completion.tag, next++);
    }
  }
  EXPECT_EQ(file.read(1), texts.back());
}

TEST(ThreadsBackend, SleepsAndIsWokenWithoutAWorkerToo) {
  auto backend = ThreadsBackend::open(ThreadsBackend::Worker::kNone);
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(testing_support::library_threads_soon({}), std::vector<std::string>());
  std::array<IoCompletion, 1> out;
  std::thread other([&] { (*backend)->wake(); });
  EXPECT_EQ((*backend)->wait(base::kNever, out), 0u);
  other.join();
  EXPECT_EQ((*backend)->wait(base::steady_clock().now(), out), 0u) << "at its deadline";
  (*backend)->finish();
}

TEST(ThreadsBackendDeathTest, TakesNoRequestsWithoutAWorker) {
  auto backend = ThreadsBackend::open(ThreadsBackend::Worker::kNone);
  ASSERT_TRUE(backend.ok());
  EXPECT_DEATH((*backend)->submit_data_sync(0, 1), "takes no requests");
}

thread_local bool is_test_thread = false;
volatile sig_atomic_t handled_here = 0;
volatile sig_atomic_t handled_elsewhere = 0;

void on_signal(int) {
  if (is_test_thread) {
    handled_here = handled_here + 1;
  } else {
    handled_elsewhere = handled_elsewhere + 1;
  }
}

TEST(ThreadsBackend, HandlesNoSignalOfTheApplication) {
  is_test_thread = true;
  auto backend = ThreadsBackend::open();
  ASSERT_TRUE(backend.ok());
  struct sigaction action {};
  action.sa_handler = on_signal;
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);

  // Blocked here, a signal to the process goes to any thread that does not block it: there must be none.
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &usr1, nullptr), 0);
  kill(getpid(), SIGUSR1);
  (*backend)->submit_data_sync(-1, 1);
  std::array<IoCompletion, 1> out;
  while ((*backend)->wait(base::kNever, out) == 0) {
  }
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGUSR1), 1) << "still waiting for a thread that takes it";
  ASSERT_EQ(pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr), 0);
  EXPECT_EQ(handled_here, 1);
  EXPECT_EQ(handled_elsewhere, 0);
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace dictsqlite::io
