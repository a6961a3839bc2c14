// Steps: runs something in the middle of an operation, between any two of its accesses to atomics. One thread plays
// two: the outer operation runs to step n, then the inner one runs as a whole, then the outer one ends. Trying every
// n covers every way in which one whole operation can fall into another.
#pragma once

#include "support/hooked_atomics.hpp"

#include <cstddef>
#include <functional>
#include <utility>

namespace dictsqlite::testing_support {

class Steps {
 public:
  /// Runs `outer` with `inner` before its step number `step` (counted from 0). Returns false if `outer` had no such
  /// step; `inner` has then not run.
  template <class Outer, class Inner>
  static bool run(std::size_t step, Outer&& outer, Inner&& inner) {
    inner_ = std::forward<Inner>(inner);
    left_ = step;
    outer();
    const bool happened = inner_ == nullptr;
    inner_ = nullptr;
    return happened;
  }
  static void step() {
    if (inner_ == nullptr || left_-- != 0) return;
    const std::function<void()> inner = std::exchange(inner_, nullptr);
    inner();
  }

 private:
  static inline thread_local std::function<void()> inner_;
  static inline thread_local std::size_t left_ = 0;
};

using StepAtomics = HookedAtomics<Steps>;

}  // namespace dictsqlite::testing_support
