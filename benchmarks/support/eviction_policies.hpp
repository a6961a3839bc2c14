// Eviction policies as in the literature, each in its plainest form: what the library's own is compared with. They keep
// numbers, all of one size.
//
// Thread-safety: none. Each member is amortised O(1), the one of the optimum O(log n).
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <set>
#include <utility>
#include <vector>

namespace dictsqlite::bench {

/// A request for a number: true if it is kept. Otherwise it is from now on, and another one may have to go.
class EvictionPolicy {
 public:
  EvictionPolicy() = default;
  virtual ~EvictionPolicy() = default;
  EvictionPolicy(const EvictionPolicy&) = delete;
  EvictionPolicy& operator=(const EvictionPolicy&) = delete;

  virtual bool request(std::uint32_t number) = 0;
};

/// The least recently used one goes.
class Lru : public EvictionPolicy {
 public:
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}

  bool request(std::uint32_t number) override {
    if (const auto found = places_.find(number); found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (places_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(number);
    places_[number] = order_.begin();
    return false;
  }

 private:
  const std::size_t capacity_;
  std::list<std::uint32_t> order_;
  absl::flat_hash_map<std::uint32_t, std::list<std::uint32_t>::iterator> places_;
};

/// Second chance: a hand goes round, and spares once what was requested since it came by (F. Corbato, 1968).
class Clock : public EvictionPolicy {
 public:
  explicit Clock(std::size_t capacity) : capacity_(capacity) {}

  bool request(std::uint32_t number) override {
    if (const auto found = places_.find(number); found != places_.end()) {
      ring_[found->second].visited = true;
      return true;
    }
    if (ring_.size() < capacity_) {
      places_[number] = ring_.size();
      ring_.push_back({number, false});
      return false;
    }
    for (; ring_[hand_].visited; hand_ = (hand_ + 1) % capacity_) ring_[hand_].visited = false;
    places_.erase(ring_[hand_].number);
    ring_[hand_] = {number, false};
    places_[number] = hand_;
    hand_ = (hand_ + 1) % capacity_;
    return false;
  }

 private:
  struct Kept {
    std::uint32_t number;
    bool visited;
  };
  const std::size_t capacity_;
  std::vector<Kept> ring_;
  absl::flat_hash_map<std::uint32_t, std::size_t> places_;
  std::size_t hand_ = 0;
};

/// What is spared stays where it is, and what is new is looked at last (Y. Zhang et al., "SIEVE is simpler than LRU",
/// NSDI 2024).
class Sieve : public EvictionPolicy {
 public:
  explicit Sieve(std::size_t capacity) : capacity_(capacity), hand_(order_.end()) {}

  bool request(std::uint32_t number) override {
    if (const auto found = places_.find(number); found != places_.end()) {
      found->second->visited = true;
      return true;
    }
    if (places_.size() == capacity_) evict();
    order_.push_front({number, false});
    places_[number] = order_.begin();
    return false;
  }

 private:
  struct Kept {
    std::uint32_t number;
    bool visited;
  };
  using Order = std::list<Kept>;

  // The hand goes from the oldest to the newest, and then begins again.
  void evict() {
    if (hand_ == order_.end()) hand_ = std::prev(order_.end());
    while (hand_->visited) {
      hand_->visited = false;
      hand_ = hand_ == order_.begin() ? std::prev(order_.end()) : std::prev(hand_);
    }
    const Order::iterator gone = hand_;
    hand_ = gone == order_.begin() ? order_.end() : std::prev(gone);
    places_.erase(gone->number);
    order_.erase(gone);
  }

  const std::size_t capacity_;
  Order order_;  // the newest first
  absl::flat_hash_map<std::uint32_t, Order::iterator> places_;
  Order::iterator hand_;  // end(): begins with the oldest
};

/// A small queue for what is new, a main one for what was requested in it, and the memory of what left the first one
/// (J. Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023). A tenth is for the small one.
class S3Fifo : public EvictionPolicy {
 public:
  explicit S3Fifo(std::size_t capacity) : capacity_(capacity), small_max_(std::max<std::size_t>(capacity / 10, 1)) {}

  bool request(std::uint32_t number) override {
    if (const auto found = kept_.find(number); found != kept_.end()) {
      if (found->second < kCountMax) ++found->second;
      return true;
    }
    if (kept_.size() == capacity_) evict();
    (take_ghost(number) ? main_ : small_).push_back(number);
    kept_[number] = 0;
    return false;
  }

 private:
  static constexpr std::uint8_t kCountMax = 3;

  void evict() {
    for (const std::size_t before = kept_.size(); kept_.size() == before;) {
      if (small_.size() >= small_max_ || main_.empty()) {
        evict_small();
      } else {
        evict_main();
      }
    }
  }
  void evict_small() {
    const std::uint32_t number = pop(small_);
    if (std::uint8_t& count = kept_[number]; count > 1) {
      count = 0;
      main_.push_back(number);
      return;
    }
    kept_.erase(number);
    ghosts_[number] = ++ghost_time_;
    ghost_order_.emplace_back(number, ghost_time_);
    while (ghost_order_.size() > capacity_ - small_max_) {
      const auto [oldest, time] = ghost_order_.front();
      ghost_order_.pop_front();
      if (const auto found = ghosts_.find(oldest); found != ghosts_.end() && found->second == time)
        ghosts_.erase(found);
    }
  }
  void evict_main() {
    const std::uint32_t number = pop(main_);
    if (std::uint8_t& count = kept_[number]; count > 0) {
      --count;
      main_.push_back(number);
      return;
    }
    kept_.erase(number);
  }
  bool take_ghost(std::uint32_t number) { return ghosts_.erase(number) != 0; }
  static std::uint32_t pop(std::deque<std::uint32_t>& queue) {
    const std::uint32_t number = queue.front();
    queue.pop_front();
    return number;
  }

  const std::size_t capacity_;
  const std::size_t small_max_;
  std::deque<std::uint32_t> small_;
  std::deque<std::uint32_t> main_;
  absl::flat_hash_map<std::uint32_t, std::uint8_t> kept_;
  absl::flat_hash_map<std::uint32_t, std::uint64_t> ghosts_;
  std::deque<std::pair<std::uint32_t, std::uint64_t>> ghost_order_;
  std::uint64_t ghost_time_ = 0;
};

/// What nobody can do better: goes what is requested last (L. Belady, 1966). Knows the whole trace.
class Optimum : public EvictionPolicy {
 public:
  Optimum(std::size_t capacity, const std::vector<std::uint32_t>& trace) : capacity_(capacity), next_(trace.size()) {
    absl::flat_hash_map<std::uint32_t, std::size_t> seen;
    for (std::size_t at = trace.size(); at-- > 0;) {
      const auto found = seen.find(trace[at]);
      next_[at] = found == seen.end() ? kNever - trace[at] : found->second;
      seen[trace[at]] = at;
    }
  }

  bool request(std::uint32_t number) override {
    const std::size_t next = next_[at_++];
    const auto found = kept_.find(number);
    const bool is_kept = found != kept_.end();
    if (is_kept) {
      order_.erase({found->second, number});
    } else if (kept_.size() == capacity_) {
      const auto last = std::prev(order_.end());
      if (last->first <= next) return false;  // it would be the one to go
      kept_.erase(last->second);
      order_.erase(last);
    }
    kept_[number] = next;
    order_.emplace(next, number);
    return is_kept;
  }

 private:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  const std::size_t capacity_;
  std::vector<std::size_t> next_;  // of each request: when the number is requested again
  std::size_t at_ = 0;
  absl::flat_hash_map<std::uint32_t, std::size_t> kept_;
  std::set<std::pair<std::size_t, std::uint32_t>> order_;
};

}  // namespace dictsqlite::bench
