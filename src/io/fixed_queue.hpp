// FixedQueue: a first-in first-out queue in an array, for places that may not allocate.
#pragma once

#include "base/assert.hpp"

#include <array>
#include <cstddef>

namespace dictsqlite::io {

/// Thread-safety: none; the owner locks.
/// Ownership:     holds its elements by value; T must be trivially copyable in spirit (old copies stay behind).
template <class T, std::size_t kCapacity>
class FixedQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  void push(const T& element) noexcept {
    DICTSQLITE_ASSERT(count_ < kCapacity, "the owner's bound on elements holds");
    elements_[(head_ + count_) % kCapacity] = element;
    ++count_;
  }

  T pop() noexcept {
    DICTSQLITE_ASSERT(count_ > 0, "pop() wants an element");
    const T element = elements_[head_];
    head_ = (head_ + 1) % kCapacity;
    --count_;
    return element;
  }

 private:
  std::array<T, kCapacity> elements_{};
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace dictsqlite::io
