// StripedGauge: a sum that many threads add to and hardly anybody reads. Each thread with a number adds to a line of
// its own, without a locked instruction.
//
// Thread-safety: any thread. sum() is exact when nobody adds; meanwhile it may lag behind, or be below zero.
// Progress:      wait-free.
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"

#include <array>
#include <cstdint>

namespace dictsqlite::entry {

template <class Atomics = base::StdAtomics>
class BasicStripedGauge {
 public:
  void add(std::int64_t amount) noexcept {
    const std::uint32_t own = Atomics::thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) {
      others_.value.fetch_add(amount, std::memory_order_relaxed);  // a gauge, as all below
      return;
    }
    auto& value = threads_[own].value;  // nobody else writes it (TN1)
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t sum() const noexcept {
    std::int64_t sum = others_.value.load(std::memory_order_relaxed);
    const std::uint32_t seen = Atomics::thread_slots_seen();
    for (std::uint32_t slot = 0; slot < seen; ++slot) sum += threads_[slot].value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(base::kCacheLine) Line {
    typename Atomics::template Atomic<std::int64_t> value{0};
  };

  Line others_;  // of threads without a number
  std::array<Line, Atomics::kThreadSlots> threads_{};
};

}  // namespace dictsqlite::entry
