// The core workloads of YCSB (B. Cooper et al., "Benchmarking cloud serving systems with YCSB", 2010), as what each
// client does next.
#pragma once

#include "support/rows.hpp"
#include "support/zipf.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::bench {

/// Shares of the operations in per cent.
struct YcsbMix {
  char letter;
  unsigned reads, updates, inserts, scans, read_modify_writes;
  bool latest;  // what was inserted last is asked for most, instead of some keys for ever
  const char* what;
};

inline constexpr std::array kYcsbMixes{
    YcsbMix{'A', 50, 50, 0, 0, 0, false, "half reads, half updates"},
    YcsbMix{'B', 95, 5, 0, 0, 0, false, "95 % reads, 5 % updates"},
    YcsbMix{'C', 100, 0, 0, 0, 0, false, "reads"},
    YcsbMix{'D', 95, 0, 5, 0, 0, true, "95 % reads of the latest, 5 % inserts"},
    YcsbMix{'E', 0, 0, 5, 95, 0, false, "95 % scans of 1 to 100 rows, 5 % inserts"},
    YcsbMix{'F', 50, 0, 0, 0, 50, false, "half reads, half read-modify-writes"},
};

struct YcsbOperation {
  enum class Kind : std::uint8_t { kRead, kUpdate, kInsert, kScan, kReadModifyWrite };
  Kind kind;
  std::uint64_t key;     // Keys::make() of it
  std::size_t rows = 0;  // of a scan
};

/// The rows of a store: how many there are, which grows, and which are asked for.
///
/// Thread-safety: any thread.
class YcsbRows {
 public:
  explicit YcsbRows(std::size_t rows) : first_rows_(rows), zipf_(rows), rows_(rows) {}

  [[nodiscard]] std::uint64_t insert() noexcept { return rows_.fetch_add(1, std::memory_order_relaxed); }
  /// Some keys for ever: which ones is scattered over the key space.
  [[nodiscard]] std::uint64_t frequent(Random& random) const noexcept {
    return scatter(zipf_.draw(random)) % first_rows_;
  }
  /// The last ones most. One that is just being inserted may not be there yet.
  [[nodiscard]] std::uint64_t latest(Random& random) const noexcept {
    const std::uint64_t rows = rows_.load(std::memory_order_relaxed);
    return rows - 1 - std::min<std::uint64_t>(rows - 1, zipf_.draw(random) + kInFlight);
  }

 private:
  static constexpr std::uint64_t kInFlight = 128;  // as many inserts as may be under way at a time

  const std::uint64_t first_rows_;
  const Zipf zipf_;
  std::atomic<std::uint64_t> rows_;
};

/// One client. Thread-safety: none.
class YcsbClient {
 public:
  YcsbClient(const YcsbMix& mix, YcsbRows& rows, std::uint64_t seed) : mix_(mix), rows_(rows), random_(seed) {}

  [[nodiscard]] YcsbOperation next() noexcept {
    using Kind = YcsbOperation::Kind;
    std::size_t choice = random_.below(100);
    const auto is = [&choice](unsigned share) {
      if (choice < share) return true;
      choice -= share;
      return false;
    };
    if (is(mix_.inserts)) return {Kind::kInsert, rows_.insert()};
    const std::uint64_t key = mix_.latest ? rows_.latest(random_) : rows_.frequent(random_);
    if (is(mix_.reads)) return {Kind::kRead, key};
    if (is(mix_.updates)) return {Kind::kUpdate, key};
    if (is(mix_.scans)) return {Kind::kScan, key, 1 + random_.below(100)};
    return {Kind::kReadModifyWrite, key};
  }
  [[nodiscard]] std::uint64_t value() noexcept { return random_.next(); }

 private:
  const YcsbMix& mix_;
  YcsbRows& rows_;
  Random random_;
};

}  // namespace dictsqlite::bench
