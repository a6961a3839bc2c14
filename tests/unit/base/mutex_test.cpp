// Goal: one thread at a time is inside, a lock ends with its scope, and a condition variable can wait on the mutex.
// Method: threads that count without atomics; tries from another thread.
#include "base/mutex.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <thread>

namespace dictsqlite::base {
namespace {

using testing_support::scaled;
using testing_support::StartLine;

// Whether a thread that is not the caller finds it free. Clang's analysis does not follow the threads.
bool is_free(Mutex& mutex) {
  bool free = false;
  std::thread([&]() {
    if (!mutex.try_lock()) return;
    free = true;
    mutex.unlock();
  }).join();
  return free;
}

TEST(Mutex, IsHeldFromLockToUnlock) {
  Mutex mutex;
  EXPECT_TRUE(is_free(mutex));
  mutex.lock();
  EXPECT_FALSE(is_free(mutex));
  mutex.unlock();
  EXPECT_TRUE(is_free(mutex));
}

TEST(Mutex, IsHeldAfterATryThatSucceeded) {
  Mutex mutex;
  if (!mutex.try_lock()) FAIL() << "it was free";  // an assertion on the call itself is beyond clang's analysis
  EXPECT_FALSE(is_free(mutex));
  mutex.unlock();
  EXPECT_TRUE(is_free(mutex));
}

TEST(MutexLock, HoldsItForItsScope) {
  Mutex mutex;
  {
    const MutexLock lock(mutex);
    EXPECT_FALSE(is_free(mutex));
  }
  EXPECT_TRUE(is_free(mutex));
}

TEST(MutexLock, LetsOneThreadInAtATime) {
  constexpr std::size_t kThreads = 4;
  const std::size_t rounds = scaled(20'000);
  Mutex mutex;
  std::size_t count = 0;
  StartLine start(kThreads);
  std::array<std::thread, kThreads> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      start.arrive();
      for (std::size_t round = 0; round < rounds; ++round) {
        const MutexLock lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * rounds);
}

TEST(Mutex, CanBeWaitedOnByItsStandardSelf) {
  Mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::thread other([&] {
    {
      const MutexLock lock(mutex);
      ready = true;
    }
    changed.notify_one();
  });
  {
    std::unique_lock<std::mutex> lock(mutex.native());
    EXPECT_FALSE(is_free(mutex)) << "the same mutex by another name";
    changed.wait(lock, [&] { return ready; });
  }
  other.join();
  EXPECT_TRUE(is_free(mutex));
}

}  // namespace
}  // namespace dictsqlite::base
