#include "task/futex.hpp"

#include "base/assert.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace dictsqlite::task {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "the kernel looks at the atomic as a plain word");

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  struct timespec until {};  // FUTEX_WAIT_BITSET takes absolute CLOCK_MONOTONIC time, which steady_clock is
  struct timespec* timeout = nullptr;
  if (deadline != base::kNever) {
    const std::int64_t nanoseconds = deadline.count() > 0 ? deadline.count() : 0;
    until.tv_sec = static_cast<time_t>(nanoseconds / kPerSecond);
    until.tv_nsec = static_cast<long>(nanoseconds % kPerSecond);
    timeout = &until;
  }
  const long result =
      ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return true;
  DICTSQLITE_ASSERT(errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT, "the kernel refused to put us to sleep");
  return errno != ETIMEDOUT;
}

void futex_wake_one(const std::atomic<std::uint32_t>* word) noexcept {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace dictsqlite::task
