// SingleWriterHistory: whether the reads of a key that one thread sets and erases could have happened one after the
// other with its writes. Absences look all the same, so a read does not name its write as in history.hpp; but the
// writes have an order of their own.
//
// A read may see write i if that had begun when the read ended, and write i+1 had not ended when it began; and it may
// see nothing older than what a read saw that ended before it began. Reads in the order of their beginnings, each given
// the oldest write it may have seen: if one finds none, no other choice helps, since older is never worse for those
// behind it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::linearizability {

class SingleWriterHistory {
 public:
  using Time = std::int64_t;
  static constexpr std::uint64_t kAbsent = 0;                   // after an erase, and before the first write
  static constexpr std::uint64_t kPresent = ~std::uint64_t{0};  // read: some value, it was not asked which

  /// In the order of the one writer. Values are unique; kAbsent for an erase.
  void add_write(std::uint64_t value, Time begin, Time end) { writes_.push_back({value, begin, end}); }
  void add_read(std::uint64_t value, Time begin, Time end) { reads_.push_back({value, begin, end}); }

  /// Nothing if it is linearizable, else a sentence.
  [[nodiscard]] std::optional<std::string> find_fault() {
    std::sort(reads_.begin(), reads_.end(), [](const Event& a, const Event& b) { return a.begin < b.begin; });
    std::size_t oldest = 0;  // what a read that begins now may see at least
    std::priority_queue<std::pair<Time, std::size_t>, std::vector<std::pair<Time, std::size_t>>, std::greater<>>
        under_way;
    for (const Event& read : reads_) {
      for (; !under_way.empty() && under_way.top().first < read.begin; under_way.pop()) {
        oldest = std::max(oldest, under_way.top().second);
      }
      while (oldest + 1 < writes_.size() && writes_[oldest + 1].end < read.begin) ++oldest;
      std::size_t seen = oldest;
      while (seen < writes_.size() && !matches(writes_[seen].value, read.value)) ++seen;
      if (seen == writes_.size() || writes_[seen].begin > read.end) {
        return "a read of " + name(read.value) + " at " + std::to_string(read.begin) + " to " +
               std::to_string(read.end) + ", when write " + std::to_string(oldest) + " (" +
               name(writes_[oldest].value) + ") or a later one was the current one";
      }
      under_way.emplace(read.end, seen);
    }
    return std::nullopt;
  }

 private:
  struct Event {
    std::uint64_t value;
    Time begin;
    Time end;
  };
  static constexpr Time kBefore = std::numeric_limits<Time>::min();

  static bool matches(std::uint64_t written, std::uint64_t read) {
    return written == read || (read == kPresent && written != kAbsent);
  }
  static std::string name(std::uint64_t value) {
    if (value == kAbsent) return "absence";
    return value == kPresent ? "presence" : "value " + std::to_string(value);
  }

  std::vector<Event> writes_{{kAbsent, kBefore, kBefore}};
  std::vector<Event> reads_;
};

}  // namespace dictsqlite::linearizability
