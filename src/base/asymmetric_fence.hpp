// Two fences that pair only with each other: light_fence() costs nothing, heavy_fence() makes up for it. Where one side
// of a store-then-look protocol is hot and the other one rare, the hot one takes the light fence.
//
// What they promise: of a light fence of one thread and a heavy one of another, either comes first; what was stored
// before the first is seen by loads behind the second. Two light fences promise nothing to each other.
//
// How: heavy_fence() asks the kernel to let each running thread of the process pass a full barrier (Linux
// membarrier(2), M. Desnoyers; D. Goldblatt, "Asymmetric fences", P1202), so that the light one only has to keep the
// compiler from moving anything across it. Where the kernel refuses, both are full fences.
//
// ThreadSanitizer sees neither: what must happen before something else needs a release and an acquire of its own.
//
// Thread-safety: any thread, once prepare_fences() has returned on some thread and that is known.
// Progress:      wait-free; heavy_fence() takes a system call and interrupts the processors where the process runs.
#pragma once

#include "base/compiler.hpp"

#include <atomic>

namespace dictsqlite::base {

/// Asks the kernel, once in the life of the process. Whatever uses the fences calls it before.
void prepare_fences() noexcept;

namespace detail {
// Set once, by the first prepare_fences(), and constant for everybody who called it.
inline constinit std::atomic<bool> light_fences_are_full{true};
void full_fence() noexcept;
}  // namespace detail

inline void light_fence() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (DICTSQLITE_UNLIKELY(detail::light_fences_are_full.load(std::memory_order_relaxed))) detail::full_fence();
}

/// The same for who knows that light fences cost nothing here.
inline void free_light_fence() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

void heavy_fence() noexcept;

/// Whether light fences are free, or full because the kernel refused.
[[nodiscard]] inline bool fences_are_asymmetric() noexcept {
  return !detail::light_fences_are_full.load(std::memory_order_relaxed);  // constant
}

}  // namespace dictsqlite::base
