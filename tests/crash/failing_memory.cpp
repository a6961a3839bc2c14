#include "crash/failing_memory.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace dictsqlite::kill_loop {

namespace {

// Set while one thread runs; read by all that are started afterwards. What is counted has no order.
struct Plan {
  bool armed = false;
  Memory memory = Memory::kOperatorNew;
  Shortage shortage = Shortage::kOnce;
  std::uint64_t n = 0;
};
constinit Plan plan;
constinit std::atomic<bool> ended{false};
constinit std::atomic<std::uint64_t> count{0};
thread_local constinit int spared = 0;

sqlite3_mem_methods sqlite_memory;  // SQLite's own

bool fails(Memory memory) noexcept {
  if (!plan.armed || ended.load(std::memory_order_relaxed) || plan.memory != memory || spared != 0) return false;
  const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed) + 1;
  return plan.shortage == Shortage::kOnce ? number == plan.n : number >= plan.n;
}

void* take(std::size_t bytes) noexcept { return fails(Memory::kOperatorNew) ? nullptr : std::malloc(bytes); }
void* take(std::size_t bytes, std::align_val_t alignment) noexcept {
  const auto unit = static_cast<std::size_t>(alignment);
  return fails(Memory::kOperatorNew) ? nullptr : std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void let_sqlite_memory_fail() {
  static sqlite3_mem_methods failing;
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK) std::abort();
  failing = sqlite_memory;
  failing.xMalloc = [](int bytes) -> void* { return fails(Memory::kSqlite) ? nullptr : sqlite_memory.xMalloc(bytes); };
  failing.xRealloc = [](void* old, int bytes) -> void* {
    return fails(Memory::kSqlite) ? nullptr : sqlite_memory.xRealloc(old, bytes);
  };
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK) std::abort();
}

void fail_allocation(Memory memory, std::uint64_t n, Shortage shortage) {
  count = 0;
  ended = false;
  plan = {true, memory, shortage, n};
}

std::uint64_t end_shortage() {
  ended = true;
  return count;
}

bool has_failed() { return plan.armed && count >= plan.n; }

SpareMemory::SpareMemory() noexcept { ++spared; }
SpareMemory::~SpareMemory() { --spared; }
ShortMemory::ShortMemory() noexcept { --spared; }
ShortMemory::~ShortMemory() { ++spared; }

}  // namespace dictsqlite::kill_loop

namespace memory = dictsqlite::kill_loop;

void* operator new(std::size_t bytes) { return memory::or_throw(memory::take(bytes)); }
void* operator new[](std::size_t bytes) { return memory::or_throw(memory::take(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t unit) { return memory::or_throw(memory::take(bytes, unit)); }
void* operator new[](std::size_t bytes, std::align_val_t unit) { return memory::or_throw(memory::take(bytes, unit)); }
void* operator new(std::size_t bytes, const std::nothrow_t& /*unused*/) noexcept { return memory::take(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t& /*unused*/) noexcept { return memory::take(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t /*bytes*/) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t /*bytes*/) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t /*unit*/) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t /*unit*/) noexcept { std::free(block); }
void operator delete(void* block, std::size_t /*bytes*/, std::align_val_t /*unit*/) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t /*bytes*/, std::align_val_t /*unit*/) noexcept { std::free(block); }
