// Admission: the budget of writes that SQLite does not have yet, in bytes. Reserved before a ticket is claimed, given
// back when the write was applied. Not all of it needs to be open at a time.
//
// Thread-safety: any thread; open_up_to() and give_back() by the write pipeline. Progress: wait-free.
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"

#include <cstddef>

namespace dictsqlite::ring {

template <class Atomics = base::StdAtomics>
class BasicAdmission {
 public:
  explicit BasicAdmission(std::size_t bytes_max) noexcept : bytes_max_(bytes_max), limit_(bytes_max) {}

  /// Takes `bytes` from the budget, or nothing and returns false. Two callers that both fit alone may both be
  /// refused while they overlap: a refused write waits for the flusher, which tries again.
  [[nodiscard]] bool try_reserve(std::size_t bytes) noexcept {
    // Relaxed: the budget bounds memory, it publishes nothing.
    const std::size_t limit = limit_.load(std::memory_order_relaxed);
    if (DICTSQLITE_LIKELY(used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit)) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);  // the same
    return false;
  }
  void give_back(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }  // the same
  /// From now on so much of it may be used. At most bytes_max().
  void open_up_to(std::size_t bytes) noexcept { limit_.store(bytes, std::memory_order_relaxed); }  // the same

  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_.load(std::memory_order_relaxed); }  // a gauge
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }

 private:
  const std::size_t bytes_max_;
  typename Atomics::template Atomic<std::size_t> limit_;
  alignas(base::kCacheLine) typename Atomics::template Atomic<std::size_t> used_{0};
};

using Admission = BasicAdmission<>;

}  // namespace dictsqlite::ring
