// Flag: something that is asked of a thread that may be asleep.
//
// Thread-safety: every member from any thread. Progress: wait-free.
//
//   (FL1) raise: store, seq_cst, before the raiser's look at the doorbell (D2)
//   (FL2) whoever is asked: look, seq_cst, after its store to the doorbell (D3); and taking, acquire
// With release and acquire instead, both looks may miss, and who is asked sleeps on. What the raiser did before is
// visible to whoever sees the flag.
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include "base/atomics.hpp"

#include <atomic>

namespace dictsqlite::base {

template <class Atomics = StdAtomics>
class BasicFlag {
 public:
  /// Ring the doorbell afterwards.
  void raise() noexcept { raised_.store(true, std::memory_order_seq_cst); }                          // (FL1)
  [[nodiscard]] bool is_raised() const noexcept { return raised_.load(std::memory_order_seq_cst); }  // (FL2)
  /// The same, and takes it down: whoever is asked, if it may be asked again. Not the last look before it sleeps: that
  /// is is_raised(). So acquire is enough: if this missed the flag, it is still up then.
  [[nodiscard]] bool take() noexcept { return raised_.exchange(false, std::memory_order_acquire); }  // (FL2)

 private:
  typename Atomics::template Atomic<bool> raised_{false};  // (FL1) (FL2)
};

using Flag = BasicFlag<>;

}  // namespace dictsqlite::base
