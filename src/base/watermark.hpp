// Watermark: a sequence up to which something holds. A single atomic that only rises.
//
// Thread-safety: value() from any thread; raise() from its one writer. Progress: wait-free.
#pragma once

#include "base/assert.hpp"
#include "base/compiler.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::base {

class Watermark {
 public:
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_acquire); }  // (M1)
  /// What holds for the sequences up to `value` happens before any thread that reads it.
  void raise(std::uint64_t value) noexcept {
    DICTSQLITE_ASSERT(value >= value_.load(std::memory_order_relaxed), "a watermark only rises");  // we wrote it
    value_.store(value, std::memory_order_seq_cst);  // (M1), for which release would do: it is rare
  }

 private:
  alignas(kCacheLine) std::atomic<std::uint64_t> value_{0};
};

}  // namespace dictsqlite::base
