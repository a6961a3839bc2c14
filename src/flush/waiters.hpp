// Waiters: the operations that wait for a watermark. Any thread hands one over; the flusher completes it.
//
// Thread-safety: push() and has_new() from any thread; the rest from the flusher.
// Ownership:     the completer's reference of every completion in it.
// Progress:      push() is lock-free.
//
//   (Q1) push: onto the stack (CS1), before the pusher's look at the doorbell (D2)
//   (Q2) the flusher: look at the stack (CS2), after its store to the doorbell (D3); and taking
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include <dictsqlite/detail/completion.hpp>

#include "base/closable_stack.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dictsqlite::flush {

enum class WaitFor : std::uint8_t { kApplied, kDurable, kSettled, kClosed };
inline constexpr std::size_t kWaitKinds = 4;

template <class Atomics = base::StdAtomics>
class BasicWaiters {
 public:
  /// False if the flusher has ended: the completion stays the caller's. Ring the doorbell afterwards.
  [[nodiscard]] bool push(detail::Completion* completion, WaitFor kind, std::uint64_t sequence) noexcept {
    completion->kind = static_cast<std::uint8_t>(kind);
    completion->sequence = sequence;
    return new_.push(completion);  // (Q1)
  }
  [[nodiscard]] bool has_new() const noexcept { return new_.has_any(); }  // (Q2)

  // --- flusher ---

  /// Sorts in what was handed over since the last call.
  void take_new() { sort_in(new_.take_all()); }  // (Q2)
  /// The same for the last time: push() fails from now on.
  void take_last() { sort_in(new_.take_last()); }  // (Q2)
  void add(detail::Completion* completion) {
    auto& heap = heaps_[completion->kind];
    heap.push_back(completion);
    std::push_heap(heap.begin(), heap.end(), later);
    furthest_[completion->kind] = std::max(furthest_[completion->kind], completion->sequence);
  }

  [[nodiscard]] bool any(WaitFor kind) const noexcept { return !heaps_[index(kind)].empty(); }
  /// The largest sequence somebody has waited for; meaningful while any(kind).
  [[nodiscard]] std::uint64_t furthest(WaitFor kind) const noexcept { return furthest_[index(kind)]; }
  /// The smallest sequence somebody waits for; only while any(kind).
  [[nodiscard]] std::uint64_t nearest(WaitFor kind) const noexcept { return heaps_[index(kind)].front()->sequence; }

  /// Some that were taken out together: how many, and the first of them.
  struct Group {
    std::size_t count = 0;
    detail::Completion* first = nullptr;

    [[nodiscard]] detail::Completion* pop_first() noexcept { return std::exchange(first, first->next_waiter); }
  };

  /// Takes out everyone who waits for `sequence` or less, nearest first. Collected before the first is completed:
  /// completing runs user code [I9].
  [[nodiscard]] Group take_group(WaitFor kind, std::uint64_t sequence) {
    auto& heap = heaps_[index(kind)];
    Group group;
    detail::Completion** last = &group.first;
    while (!heap.empty() && heap.front()->sequence <= sequence) {
      std::pop_heap(heap.begin(), heap.end(), later);
      heap.back()->next_waiter = nullptr;
      *last = heap.back();
      last = &heap.back()->next_waiter;
      heap.pop_back();
      ++group.count;
    }
    return group;
  }

  /// The same; passes each to `done(Completion*)`, which completes it.
  template <class Done>
  void take_up_to(WaitFor kind, std::uint64_t sequence, Done&& done) {
    for (Group group = take_group(kind, sequence); group.first != nullptr;) done(group.pop_first());
  }

 private:
  void sort_in(detail::Completion* completion) {
    while (completion != nullptr) {
      detail::Completion* const next = completion->next_waiter;
      add(completion);
      completion = next;
    }
  }
  [[nodiscard]] static constexpr std::size_t index(WaitFor kind) noexcept { return static_cast<std::size_t>(kind); }
  [[nodiscard]] static bool later(const detail::Completion* a, const detail::Completion* b) noexcept {
    return a->sequence > b->sequence;
  }

  // Those the flusher has not seen. (Q1) (Q2)
  base::ClosableStack<detail::Completion, &detail::Completion::next_waiter, Atomics> new_;
  std::array<std::vector<detail::Completion*>, kWaitKinds> heaps_;  // by sequence, nearest first
  std::array<std::uint64_t, kWaitKinds> furthest_{};
};

using Waiters = BasicWaiters<>;

}  // namespace dictsqlite::flush
