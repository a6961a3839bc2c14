// FailingMemory: lets one allocation fail, or all from one on, of the global operator new or of SQLite's malloc.
//
// Thread-safety: allocations of any thread are counted; the rest while no other thread allocates. Linked into a test,
// its failing_memory.cpp replaces the global operator new of that program.
#pragma once

#include <cstdint>

namespace dictsqlite::kill_loop {

enum class Memory : std::uint8_t { kOperatorNew, kSqlite };
enum class Shortage : std::uint8_t { kOnce, kForGood };

/// Once, before SQLite is used.
void let_sqlite_memory_fail();
/// From now on allocation number `n` fails, n from 1; with kForGood all later ones, too.
void fail_allocation(Memory memory, std::uint64_t n, Shortage shortage);
/// Nothing fails any more. How many allocations there have been since fail_allocation(), of its kind.
std::uint64_t end_shortage();
[[nodiscard]] bool has_failed();

/// While one lives, this thread's allocations are not counted and do not fail: the test's own.
class SpareMemory {
 public:
  SpareMemory() noexcept;
  ~SpareMemory();
  SpareMemory(const SpareMemory&) = delete;
  SpareMemory& operator=(const SpareMemory&) = delete;
};

/// Within a SpareMemory: they are counted and fail again, for a call of the library.
class ShortMemory {
 public:
  ShortMemory() noexcept;
  ~ShortMemory();
  ShortMemory(const ShortMemory&) = delete;
  ShortMemory& operator=(const ShortMemory&) = delete;
};

}  // namespace dictsqlite::kill_loop
