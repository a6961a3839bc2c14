// HandleCount: counts the handles of an engine, without a locked instruction for each: every thread counts what it
// makes and what it destroys under its own number, until the owner lets go; from then on all count in one place. After
// the Linux kernel's percpu_ref (K. Overstreet, T. Heo, 2013), with asymmetric fences instead of a grace period.
//
// Thread-safety: any thread; let_go() once.
// Progress:      retain() and release() are wait-free; let_go() waits for threads that are between two steps of these.
//
//   thread:  its count becomes busy; (N1) light fence; looks whether the owner is there: if so counts, otherwise leaves
//            and counts in `shared_`; (N2) release: no longer busy, and all its uses of the engine happen before
//   owner:   has left; (N1) heavy fence; waits until no thread is busy, (N2) acquire; adds up
// One of the two fences comes first. If the thread's does, the owner finds it busy, or what it has counted; if the
// owner's does, the thread sees that he has left. So each step counts once, and what is added up is all.
//   (N3) Every use of the engine happens before its release; acquire makes the last one see them. Pairs with itself.
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"

#include <array>
#include <cstdint>

namespace dictsqlite::detail {

template <class Atomics = base::StdAtomics>
class BasicHandleCount {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  BasicHandleCount() noexcept { Atomics::prepare_fences(); }

  /// For a new handle. The caller has another one, or is the owner.
  void retain() noexcept {
    if (count_own(+1)) return;
    shared_.fetch_add(1, std::memory_order_relaxed);  // the caller's own handle keeps it alive
  }
  /// True for exactly one call: the last. Then nobody uses what is counted any more, and the caller destroys it.
  [[nodiscard]] bool release() noexcept {
    if (count_own(-1)) return false;
    return shared_.fetch_sub(1, std::memory_order_acq_rel) == 1;  // (N3)
  }
  /// retain() by the owner, and release(), without a call in them. False: it does not work that way, nothing was
  /// counted. The owner cannot have left: he need not look, and nobody adds up meanwhile.
  [[nodiscard]] bool try_retain_by_owner() noexcept {
    const std::uint32_t own = Atomics::quick_thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return false;
    Atomic<std::int64_t>& count = counts_[own].value;
    count.store(count.load(std::memory_order_relaxed) + kOne, std::memory_order_relaxed);  // ours alone
    return true;
  }
  [[nodiscard]] bool try_release() noexcept { return count_quickly(-1); }
  /// The owner lets go. Returns as release() does.
  [[nodiscard]] bool let_go() noexcept {
    owner_has_left_.store(true, std::memory_order_relaxed);  // ordered by the fence
    Atomics::heavy_fence();                                  // (N1)
    std::int64_t sum = 0;
    const std::uint32_t seen = Atomics::thread_slots_seen();
    for (std::uint32_t slot = 0; slot < seen; ++slot) sum += own_count(slot);
    return shared_.fetch_add(sum - kOwner, std::memory_order_acq_rel) + sum - kOwner == 0;  // (N3)
  }

 private:
  // The owner's share: while he has it nothing brings shared_ down to zero.
  static constexpr std::int64_t kOwner = std::int64_t{1} << 62;
  static constexpr std::int64_t kBusy = 1;
  static constexpr std::int64_t kOne = 2;

  struct alignas(base::kCacheLine) Count {
    Atomic<std::int64_t> value{0};  // handles made less handles destroyed, times kOne; kBusy. (N2)
  };

  // Counts under the thread's own number. False: it has none, or the owner has left.
  [[nodiscard]] bool count_own(std::int64_t handles) noexcept {
    if (DICTSQLITE_LIKELY(Atomics::quick_thread_slot() < Atomics::kThreadSlots)) return count_quickly(handles);
    const std::uint32_t own = Atomics::thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return false;
    return count_at(own, handles, [] { Atomics::light_fence(); });  // (N1)
  }
  [[nodiscard]] bool count_quickly(std::int64_t handles) noexcept {
    const std::uint32_t own = Atomics::quick_thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return false;
    return count_at(own, handles, [] { Atomics::free_light_fence(); });  // (N1)
  }
  template <class Fence>
  [[nodiscard]] bool count_at(std::uint32_t own, std::int64_t handles, Fence&& fence) noexcept {
    Atomic<std::int64_t>& count = counts_[own].value;
    const std::int64_t before = count.load(std::memory_order_relaxed);  // ours alone
    count.store(before + kBusy, std::memory_order_relaxed);             // ordered by the fence
    fence();
    const bool counts = !owner_has_left_.load(std::memory_order_relaxed);
    count.store(counts ? before + handles * kOne : before, std::memory_order_release);  // (N2)
    return counts;
  }
  [[nodiscard]] std::int64_t own_count(std::uint32_t slot) noexcept {
    for (;;) {
      const std::int64_t value = counts_[slot].value.load(std::memory_order_acquire);  // (N2)
      if ((value & kBusy) == 0) return value / kOne;
      Atomics::wait_a_moment();
    }
  }

  Atomic<bool> owner_has_left_{false};
  // Handles of threads without a number, and after the owner has left of all. (N3)
  alignas(base::kCacheLine) Atomic<std::int64_t> shared_{kOwner};
  std::array<Count, Atomics::kThreadSlots> counts_;
};

using HandleCount = BasicHandleCount<>;

}  // namespace dictsqlite::detail
