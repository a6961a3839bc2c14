// NumberedWrites: a history of writes of which each follows from its number and its life, and what the first so many of
// them make. Write n is the n-th that a database accepts, so that the sequence which is found after a crash says what
// has to be there. A life that goes on from a crash writes something else under the numbers that were lost: what comes
// back from the dead is noticed.
//
// Thread-safety: none; under a Simulation those that have the turn.
#pragma once

#include <dictsqlite/dictsqlite.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::crash_testing {

class NumberedWrites {
 public:
  using Rows = std::map<std::string, std::shared_ptr<const std::string>, std::less<>>;
  enum class Kind : std::uint8_t { kSet, kErase, kBatch };

  /// Another history for each seed.
  explicit NumberedWrites(std::uint64_t seed) noexcept : seed_(seed) {}

  [[nodiscard]] Kind kind(std::uint64_t number) const noexcept;
  [[nodiscard]] std::string key(std::uint64_t number) const;
  [[nodiscard]] std::string value(std::uint64_t number) const;
  /// Sets, erases, and a row of its own that every batch sets.
  [[nodiscard]] WriteBatch batch(std::uint64_t number) const;

  /// A new life: there are `count` writes, and those after them will be other ones than before.
  void go_on_from(std::uint64_t count);

  /// The rows after the first `count` writes. Valid until the next call.
  [[nodiscard]] const Rows& after(std::uint64_t count);

 private:
  [[nodiscard]] std::string other_key(std::uint64_t number) const;
  void apply(std::uint64_t number, Rows& rows) const;
  /// Eight independent draws a write.
  [[nodiscard]] std::uint64_t drawn(std::uint64_t number, unsigned which) const noexcept;

  const std::uint64_t seed_;
  std::uint64_t life_ = 0;
  std::vector<std::uint64_t> lives_;  // by number, of the writes that lives before this one have left
  std::vector<Rows> after_;           // by count
};

}  // namespace dictsqlite::crash_testing
