// What the compilers we support spell differently from the standard, and one hardware constant.
#pragma once

#include <cstddef>

#define DICTSQLITE_LIKELY(x) (__builtin_expect(static_cast<bool>(x), true))
#define DICTSQLITE_UNLIKELY(x) (__builtin_expect(static_cast<bool>(x), false))

namespace dictsqlite::base {

/// Distance that keeps two atomics written by different threads from sharing a cache line. A constant of
/// our own: std::hardware_destructive_interference_size may change with compiler flags.
inline constexpr std::size_t kCacheLine = 64;

/// Tells the core that this is a spin loop. Never a substitute for a bound on the loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace dictsqlite::base
