// What the compilers we support spell differently from the standard, and one hardware constant.
#pragma once

#include <cstddef>
#include <cstdint>

#define DICTSQLITE_LIKELY(x) (__builtin_expect(static_cast<bool>(x), true))
#define DICTSQLITE_UNLIKELY(x) (__builtin_expect(static_cast<bool>(x), false))

namespace dictsqlite::base {

/// Distance that keeps two atomics written by different threads from sharing a cache line. A constant of
/// our own: std::hardware_destructive_interference_size may change with compiler flags.
inline constexpr std::size_t kCacheLine = 64;

/// Fetches a cache line to be written soon, so that no other core has it when it is. __builtin_prefetch(line, 1) does
/// the same only where the compiler may assume an x86 of the last decade; older ones take the instruction for none.
inline void prefetch_for_write(const void* line) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
  __builtin_prefetch(line, 1);
#endif
}

/// 2 * `bits` + (`a` < `b`): the processor's carry is that comparison's result, and what an addition takes in.
/// Compilers take three instructions for it.
[[nodiscard]] inline std::uint32_t shift_in_less(std::uint32_t bits, std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__x86_64__)
  asm("cmpq %2, %1\n\tadcl %0, %0" : "+r"(bits) : "r"(a), "r"(b) : "cc");
  return bits;
#else
  return 2 * bits + std::uint32_t{a < b};
#endif
}

/// Tells the core that this is a spin loop. Never a substitute for a bound on the loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace dictsqlite::base
