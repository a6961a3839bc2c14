// thread_stripe(): a small number that differs between most threads, to spread them over the stripes of a
// structure. Not an identity: two threads may share one. Needs no registration and leaves nothing behind.
#pragma once

#include <cstdint>

namespace dictsqlite::base {

[[nodiscard]] inline std::uint32_t thread_stripe() noexcept {
  // The address of a thread-local variable is as good as a thread number, and costs no shared counter.
  static thread_local const char marker = 0;
  const auto address = reinterpret_cast<std::uintptr_t>(&marker);
  return static_cast<std::uint32_t>((address >> 6) * std::uint64_t{0x9E3779B97F4A7C15} >> 40);
}

}  // namespace dictsqlite::base
