// History: all stores to one atomic, in modification order, and which of them an access may read or follow.
//
// The rules are those of C++20 for executions in which happens-before, what reads from what, and the order S of
// seq_cst accesses agree with the order in which we carry the accesses out:
//
//   coherence   an access reads no store that is older than one that its thread, or a step that happens before it,
//               has read or written; a store comes later in modification order than all of those
//   seq_cst     reads no store that is older than one that an earlier seq_cst access read or wrote; a seq_cst store
//   comes
//               later than all of those
//   read-modify-write   stands right behind the store that it read; a store never comes between the two
//   fences      of a light and a heavy fence the second one's thread sees what was known to the first one's, and reads
//               nothing older
//   release, acquire    whoever acquires a store learns its writer's clock if that released it, and the clocks of the
//               head of the release sequence, which read-modify-writes continue
//
// Hence a store need not become the newest: it may be put in front of one that its thread does not know of.
//
// Thread-safety: none. Progress: everything is linear in the number of stores.
#pragma once

#include "model/checker/clock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dictsqlite::checker {

/// A memory order as the rules see it.
struct Order {
  bool acquires = false;
  bool releases = false;
  bool sequential = false;

  explicit constexpr Order(std::memory_order order) noexcept
      : acquires(order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
                 order == std::memory_order_consume || order == std::memory_order_seq_cst),
        releases(order == std::memory_order_release || order == std::memory_order_acq_rel ||
                 order == std::memory_order_seq_cst),
        sequential(order == std::memory_order_seq_cst) {}
};

class History {
 public:
  /// Forgets everything: `value` was there before any thread.
  void begin(std::uint64_t value) {
    stores_.clear();
    Store first;
    first.value = value;
    first.seen[kMainThread] = 1;
    stores_.push_back(first);
    sequential_floor_ = 0;
  }

  [[nodiscard]] std::size_t size() const noexcept { return stores_.size(); }
  [[nodiscard]] std::size_t newest() const noexcept { return stores_.size() - 1; }
  [[nodiscard]] std::uint64_t value(std::size_t index) const noexcept { return stores_[index].value; }

  /// The oldest store that may be read; every newer one may be, too.
  [[nodiscard]] std::size_t oldest_readable(const Clock& clock, Order order) const noexcept {
    const std::size_t floor = known(clock);
    return order.sequential && sequential_floor_ > floor ? sequential_floor_ : floor;
  }
  /// Whether a store may stand right behind this one, which may be read.
  [[nodiscard]] bool may_follow(std::size_t index) const noexcept {
    return index == newest() || !stores_[index + 1].follows_its_source;
  }

  /// `clock` is the reader's, at the time of this step.
  std::uint64_t read(std::size_t index, std::size_t thread, Clock& clock, Order order) noexcept {
    Store& store = stores_[index];
    see(store, thread, clock);
    if (order.acquires) clock.join(store.released);
    if (order.sequential && index > sequential_floor_) sequential_floor_ = index;
    return store.value;
  }
  /// Puts a store right behind `index`.
  void write(std::size_t index, std::uint64_t value, std::size_t thread, const Clock& clock, Order order) {
    Store store;
    store.value = value;
    if (order.releases) store.released = clock;
    put_behind(index, store, thread, clock, order);
  }
  /// The same for a read-modify-write that has just read `index`: its release sequence goes on.
  void modify(std::size_t index, std::uint64_t value, std::size_t thread, const Clock& clock, Order order) {
    Store store;
    store.value = value;
    store.follows_its_source = true;
    store.released = stores_[index].released;
    if (order.releases) store.released.join(clock);
    put_behind(index, store, thread, clock, order);
  }
  /// The thread hears of the newest store, without acquiring it: stores become visible some time.
  void see_newest(std::size_t thread, const Clock& clock) noexcept { see(stores_.back(), thread, clock); }

 private:
  struct Store {
    std::uint64_t value = 0;
    Clock released;                                 // what an acquire of it learns
    std::array<std::uint32_t, kThreadsMax> seen{};  // when each thread first read or wrote it; 0: it has not
    bool follows_its_source = false;
  };

  static void see(Store& store, std::size_t thread, const Clock& clock) noexcept {
    if (store.seen[thread] == 0) store.seen[thread] = clock.time_of(thread);
  }
  void put_behind(std::size_t index, Store& store, std::size_t thread, const Clock& clock, Order order) {
    see(store, thread, clock);
    const std::size_t place = index + 1;
    stores_.insert(stores_.begin() + static_cast<std::ptrdiff_t>(place), store);
    if (sequential_floor_ >= place) ++sequential_floor_;
    if (order.sequential && place > sequential_floor_) sequential_floor_ = place;
  }
  // The newest store that something which happens before, or is seen through fences, has read or written.
  [[nodiscard]] std::size_t known(const Clock& clock) const noexcept {
    for (std::size_t index = newest(); index > 0; --index) {
      for (std::size_t thread = 0; thread < kThreadsMax; ++thread) {
        if (clock.sees(thread, stores_[index].seen[thread])) return index;
      }
    }
    return 0;
  }

  std::vector<Store> stores_;         // in modification order
  std::size_t sequential_floor_ = 0;  // the newest one that a seq_cst access has read or written
};

}  // namespace dictsqlite::checker
