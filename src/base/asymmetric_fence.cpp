#include "base/asymmetric_fence.hpp"

#include "base/assert.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dictsqlite::base {

namespace {

bool membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

void prepare_fences() noexcept {
  static const bool asymmetric = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  detail::light_fences_are_full.store(!asymmetric, std::memory_order_relaxed);  // the same whoever stores it
}

void detail::full_fence() noexcept {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"  // it need not see it: see above
#endif
  std::atomic_thread_fence(std::memory_order_seq_cst);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

void heavy_fence() noexcept {
  if (!fences_are_asymmetric()) return detail::full_fence();
  // Nobody can take back what light fences have left out. (A forked process is registered as its parent was.)
  DICTSQLITE_ASSERT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED),
                    "membarrier(2) is refused although it worked: a system call filter must come before open()");
}

}  // namespace dictsqlite::base
