// History: who did what to one key and when, and whether that could have happened one after the other.
//
// Every write has a value of its own, so a read names its write. A write and its reads are a cluster. With
//   first end  = the earliest moment at which one of them had ended
//   last start = the latest moment at which one of them began
// all of [first end, last start] (or its reverse) lies in the time when the value was the current one. The history is
// linearizable if and only if no read ends before its write begins, no two forward zones overlap, and no backward zone
// lies within a forward one (P. Gibbons, E. Korach, "Testing shared memories", 1997, theorem 4.1). O(n log n).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace dictsqlite::linearizability {

using Time = std::int64_t;

enum class Kind : std::uint8_t { kRead, kWrite };

/// The value that is there before the first write.
inline constexpr std::uint64_t kInitial = 0;

struct Event {
  Kind kind;
  std::uint64_t value;  // what was written or read
  Time begin;
  Time end;
};

/// Nothing if the events of one key are linearizable, else a sentence about what is not.
class Checker {
 public:
  static std::optional<std::string> find_fault(const std::vector<Event>& events) {
    Checker checker;
    for (const Event& event : events) {
      if (event.kind == Kind::kWrite && !checker.add_write(event))
        return "two writes of one value: " + name(event.value);
    }
    for (const Event& event : events) {
      if (event.kind == Kind::kRead) {
        if (std::optional<std::string> fault = checker.add_read(event)) return fault;
      }
    }
    return checker.check_zones();
  }

 private:
  static constexpr Time kBefore = std::numeric_limits<Time>::min();

  struct Cluster {
    std::uint64_t value;
    Time write_begin;
    Time first_end;
    Time last_start;
    [[nodiscard]] bool is_forward() const { return first_end < last_start; }
    [[nodiscard]] Time left() const { return std::min(first_end, last_start); }
    [[nodiscard]] Time right() const { return std::max(first_end, last_start); }
  };

  Checker() { add_write({Kind::kWrite, kInitial, kBefore, kBefore}); }

  static std::string name(std::uint64_t value) {
    return "value " + std::to_string(value >> 32) + "/" + std::to_string(value & 0xFFFFFFFF);
  }
  bool add_write(const Event& event) {
    if (!index_.emplace(event.value, clusters_.size()).second) return false;
    clusters_.push_back({event.value, event.begin, event.end, event.begin});
    return true;
  }
  std::optional<std::string> add_read(const Event& event) {
    const auto found = index_.find(event.value);
    if (found == index_.end()) return "a read of what was never written: " + name(event.value);
    Cluster& cluster = clusters_[found->second];
    if (event.end < cluster.write_begin) return "a read before its write: " + name(event.value);
    cluster.first_end = std::min(cluster.first_end, event.end);
    cluster.last_start = std::max(cluster.last_start, event.begin);
    return std::nullopt;
  }
  std::optional<std::string> check_zones() {
    std::vector<Cluster> forward;
    for (const Cluster& cluster : clusters_) {
      if (cluster.is_forward()) forward.push_back(cluster);
    }
    std::sort(forward.begin(), forward.end(), [](const Cluster& a, const Cluster& b) { return a.left() < b.left(); });
    for (std::size_t index = 1; index < forward.size(); ++index) {
      if (forward[index].left() < forward[index - 1].right()) {
        return name(forward[index - 1].value) + " was seen again after " + name(forward[index].value);
      }
    }
    for (const Cluster& cluster : clusters_) {
      if (cluster.is_forward()) continue;
      // The one forward zone that could contain it: the last that begins before it does.
      auto after = std::upper_bound(forward.begin(), forward.end(), cluster.left(),
                                    [](Time time, const Cluster& zone) { return time <= zone.left(); });
      if (after == forward.begin()) continue;
      const Cluster& zone = *std::prev(after);
      if (cluster.right() < zone.right()) {
        return name(cluster.value) + " came and went while " + name(zone.value) + " was the current one";
      }
    }
    return std::nullopt;
  }

  std::vector<Cluster> clusters_;
  std::unordered_map<std::uint64_t, std::size_t> index_;
};

}  // namespace dictsqlite::linearizability
