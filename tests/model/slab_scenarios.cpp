// The memory of entries: the real pool and its slab.
#include "entry/entry_pool.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dictsqlite::checker {
namespace {

// Checked atomics under another name: under their own, checked_pool.hpp stands for the pool.
struct SlabAtomics : CheckedAtomics {};

using Slab = entry::BasicSlab<SlabAtomics>;
using EntryPool = entry::BasicEntryPool<SlabAtomics>;
using Entry = EntryPool::Entry;

constexpr std::size_t kLargest = entry::kBlockBytesMax;
constexpr std::size_t kBlocksOfLargest = entry::kSpanBytes / kLargest;

// Whose a block is. A block in two hands, and a new owner that its old one does not happen before, is a race.
template <class Memory>
class Owners {
 public:
  void take(const Memory& memory, const void* block) noexcept { of(memory, block).write(); }
  void give_back(const Memory& memory, const void* block) noexcept { of(memory, block).write(); }

 private:
  RaceDetector& of(const Memory& memory, const void* block) noexcept {
    const std::size_t index = memory.offset_of(block) * entry::kBlockUnit / kLargest;
    expect(index < owners_.size(), "inside the slab");
    return owners_[index];
  }
  std::array<RaceDetector, 4 * kBlocksOfLargest> owners_{};
};

// Two threads and few blocks of one span: one gives back what another takes.
struct BlocksOfASpan {
  static constexpr std::size_t kThreads = 2;

  BlocksOfASpan() {
    for (void*& block : first) block = take();
  }
  void thread(std::size_t index) {
    give_back(first[index]);
    void* const block = take();
    expect(block != nullptr, "as many are free as there are takers");
    give_back(block);
  }
  void check() {}

  void* take() {
    void* const block = slab.allocate(kLargest);
    if (block != nullptr) owners.take(slab, block);
    return block;
  }
  void give_back(void* block) {
    owners.give_back(slab, block);
    slab.release(block);
  }

  Slab slab{entry::kSpanBytes};
  Owners<Slab> owners;
  std::array<void*, kBlocksOfLargest> first{};
};

// The same where the span is full at first: the first block that comes back lists it again, and everybody looks for it.
struct LastSpan : BlocksOfASpan {
  void thread(std::size_t index) {
    if (index == 1) {
      give_back(first[0]);
      given_back.store(true, std::memory_order_release);
      return;
    }
    if (void* const block = take()) {
      give_back(block);
    } else {
      expect(!was_given_back, "a free block was not found");
    }
    was_given_back = given_back.load(std::memory_order_acquire);
    void* const block = take();
    expect(block != nullptr || !was_given_back, "a free block was not found");
  }

  CheckedAtomic<bool> given_back{false};
  bool was_given_back = false;
};

// A span becomes empty, and two threads want it for another size class. One of them gets it: while somebody looks
// through the spans he has them in his hands, and another who finds none must not take that for the end (S5).
struct SpanForAnotherClass {
  static constexpr std::size_t kThreads = 2;

  SpanForAnotherClass() {
    for (void*& block : blocks) block = slab.allocate(kLargest);
    for (std::size_t index = 1; index < kBlocksOfLargest; ++index) slab.release(blocks[index]);
  }
  void thread(std::size_t index) {
    if (index == 1) slab.release(blocks[0]);  // the last one of its span
    found[index - 1] = slab.allocate(kLargest / 2) != nullptr;
  }
  void check() { expect(found[0] || found[1], "an empty span was not found"); }

  Slab slab{2 * entry::kSpanBytes};
  std::array<void*, 2 * kBlocksOfLargest> blocks{};
  std::array<bool, 2> found{};
};

// Two owners of an entry: the last one frees it, after the other has looked at it. Its block is used again.
struct LastReference {
  static constexpr std::size_t kThreads = 2;

  LastReference() {
    shared = make();
    EntryPool::retain(*shared);
  }
  void thread(std::size_t index) {
    seen.read();
    pool.release(shared);
    if (index == 1) {
      Entry* const other = make();
      if (other == shared) seen.write();
    }
  }
  void check() {}

  Entry* make() { return pool.make(entry::EntryKind::kSet, 1, "key", std::string_view(), 0); }

  EntryPool pool{entry::kSpanBytes};
  RaceDetector seen{"a freed entry"};
  Entry* shared = nullptr;
};

}  // namespace

std::vector<Study> slab_studies() {
  constexpr Bounds kTwo{.preemptions = 2, .stale_accesses = 1};
  return {
      {scenario_of<BlocksOfASpan>("slab: blocks of a span"), kTwo},
      {scenario_of<LastSpan>("slab: the last span"), kTwo},
      {scenario_of<SpanForAnotherClass>("slab: a span for another class"), kTwo},
      {scenario_of<LastReference>("pool: the last reference"), kTwo},
  };
}

}  // namespace dictsqlite::checker
