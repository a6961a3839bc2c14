// Goal: blocks are large enough, aligned, never handed out twice, and memory given back can be had again, in its own
// size class and in any other. Method: direct calls on slabs of a few spans; threads that fill each block with a
// pattern of their own, pass blocks to each other and look whether the pattern is whole.
#include "entry/slab.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace dictsqlite::entry {
namespace {

using testing_support::Random;
using testing_support::scaled;
using testing_support::StartLine;

std::vector<void*> allocate_all(Slab& slab, std::size_t bytes) {
  std::vector<void*> blocks;
  while (void* block = slab.allocate(bytes)) blocks.push_back(block);
  return blocks;
}

void release_all(Slab& slab, const std::vector<void*>& blocks) {
  for (void* block : blocks) slab.release(block);
}

TEST(SizeClass, IsTheSmallestThatFits) {
  for (std::size_t bytes = 1; bytes <= kBlockBytesMax; ++bytes) {
    const std::uint32_t size_class = SizeClass::of(bytes);
    ASSERT_LT(size_class, SizeClass::kCount);
    ASSERT_GE(SizeClass::bytes(size_class), bytes);
    if (size_class > 0) {
      ASSERT_LT(SizeClass::bytes(size_class - 1), bytes);
    }
  }
}

TEST(SizeClass, LosesAtMostAnEighthOfALargeBlock) {
  for (std::size_t bytes = 257; bytes <= kBlockBytesMax; ++bytes) {
    const std::size_t block = SizeClass::bytes(SizeClass::of(bytes));
    ASSERT_LT((block - bytes) * 8, block) << bytes;
  }
}

TEST(SizeClass, KeepsBlocksAlignedToSixteenBytes) {
  for (std::uint32_t size_class = 0; size_class < SizeClass::kCount; ++size_class) {
    EXPECT_EQ(SizeClass::bytes(size_class) % kBlockUnit, 0u);
  }
}

TEST(Slab, IsInvalidBeyondWhatOffsetsCanName) {
  const Slab slab(kSlabBytesMax + 1);
  EXPECT_FALSE(slab.valid());
}

TEST(Slab, GivesDistinctAlignedBlocksThatDoNotOverlap) {
  Slab slab(4 * kSpanBytes);
  ASSERT_TRUE(slab.valid());
  std::vector<void*> blocks;
  for (std::size_t bytes : {1u, 64u, 65u, 100u, 256u, 257u, 1000u, 4000u, 8192u, 1u, 64u, 100u}) {
    void* const block = slab.allocate(bytes);
    if (block == nullptr) break;  // four spans serve four classes
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % kBlockUnit, 0u);
    std::memset(block, static_cast<int>(blocks.size()), bytes);
    blocks.push_back(block);
  }
  ASSERT_GE(blocks.size(), 4u);
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), blocks.size());
}

TEST(Slab, NamesEveryBlockByANonZeroOffsetOf31Bits) {
  Slab slab(8 * kSpanBytes);
  const std::vector<void*> blocks = allocate_all(slab, 64);
  for (void* block : blocks) {
    const BlockOffset offset = slab.offset_of(block);
    ASSERT_NE(offset, 0u);
    ASSERT_LT(offset, 1u << 31);
    ASSERT_EQ(slab.at(offset), block);
  }
}

TEST(Slab, HandsOutEveryBlockOfEverySpanBeforeItFails) {
  Slab slab(4 * kSpanBytes);
  const std::vector<void*> blocks = allocate_all(slab, 8192);
  EXPECT_EQ(blocks.size(), 4 * kSpanBytes / 8192);
  EXPECT_EQ(slab.allocate(8192), nullptr);
}

TEST(Slab, CountsTheBytesOfLiveBlocks) {
  Slab slab(4 * kSpanBytes);
  void* const small = slab.allocate(50);
  void* const large = slab.allocate(5000);
  EXPECT_EQ(slab.used_bytes(), 64u + 5120u);
  slab.add_outside_bytes(1000);
  EXPECT_EQ(slab.used_bytes(), 64u + 5120u + 1000u);
  slab.add_outside_bytes(-1000);
  slab.release(small);
  slab.release(large);
  EXPECT_EQ(slab.used_bytes(), 0u);
}

TEST(Slab, GivesReleasedBlocksOutAgainInAnyOrder) {
  Slab slab(2 * kSpanBytes);
  Random random(1);
  std::vector<void*> blocks = allocate_all(slab, 200);
  const std::set<void*> all(blocks.begin(), blocks.end());
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> released;
    for (std::size_t count = 1 + random.below(blocks.size()); count > 0; --count) {
      std::swap(blocks[random.below(blocks.size())], blocks.back());
      released.push_back(blocks.back());
      blocks.pop_back();
    }
    release_all(slab, released);
    for (std::size_t count = released.size(); count > 0; --count) {
      void* const block = slab.allocate(200);
      ASSERT_NE(block, nullptr);
      blocks.push_back(block);
    }
    ASSERT_EQ(slab.allocate(200), nullptr);
    ASSERT_EQ(std::set<void*>(blocks.begin(), blocks.end()), all);
  }
}

TEST(Slab, TurnsEmptySpansToAnotherSizeClassWhenNoneIsLeft) {
  constexpr std::size_t kSpans = 16;
  Slab slab(kSpans * kSpanBytes);
  release_all(slab, allocate_all(slab, 64));
  const std::vector<void*> blocks = allocate_all(slab, 4096);
  // One span may stay with the first class: it is the one that the class allocates from.
  EXPECT_GE(blocks.size(), (kSpans - 1) * kSpanBytes / 4096);
  release_all(slab, blocks);
  EXPECT_GE(allocate_all(slab, 64).size(), (kSpans - 1) * kSpanBytes / 64);
}

TEST(Slab, LeavesSpansAloneThatStillHoldALiveBlock) {
  constexpr std::size_t kSpans = 8;
  Slab slab(kSpans * kSpanBytes);
  std::vector<void*> blocks = allocate_all(slab, 64);
  std::vector<void*> kept;
  const std::size_t blocks_per_span = kSpanBytes / 64;
  for (std::size_t index = 0; index < blocks.size(); ++index) {
    if (index % blocks_per_span == 7) {
      std::memset(blocks[index], 0x5A, 64);
      kept.push_back(blocks[index]);
    } else {
      slab.release(blocks[index]);
    }
  }
  EXPECT_EQ(slab.allocate(8192), nullptr) << "every span holds one live block of another class";
  for (void* block : kept) {
    for (std::size_t byte = 0; byte < 64; ++byte) ASSERT_EQ(static_cast<unsigned char*>(block)[byte], 0x5A);
  }
  EXPECT_EQ(allocate_all(slab, 64).size(), blocks.size() - kept.size());
}

// A block of the stress tests: the first word is the slab's while it is free, the rest is ours.
struct Marked {
  std::atomic<std::uint32_t> reserved;
  std::uint32_t bytes;
  std::uint64_t mark;

  std::uint64_t* begin() { return reinterpret_cast<std::uint64_t*>(this + 1); }
  std::uint64_t* end() { return reinterpret_cast<std::uint64_t*>(this) + bytes / sizeof(std::uint64_t); }
};

Marked* make_marked(Slab& slab, std::size_t bytes, std::uint64_t mark) {
  auto* const block = static_cast<Marked*>(slab.allocate(bytes));
  if (block == nullptr) return nullptr;
  block->reserved.store(static_cast<std::uint32_t>(mark), std::memory_order_relaxed);
  block->bytes = static_cast<std::uint32_t>(bytes / 8 * 8);
  block->mark = mark;
  std::fill(block->begin(), block->end(), mark);
  return block;
}

bool is_whole(Marked* block) {
  return block->reserved.load(std::memory_order_relaxed) == static_cast<std::uint32_t>(block->mark) &&
         std::all_of(block->begin(), block->end(), [block](std::uint64_t word) { return word == block->mark; });
}

TEST(SlabStress, BlocksPassedBetweenThreadsKeepTheirContent) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPlaces = 512;
  Slab slab(24u << 20);
  std::vector<std::atomic<Marked*>> places(kPlaces);
  std::atomic<bool> damaged{false};
  std::atomic<std::uint64_t> failures{0};
  StartLine start(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      start.arrive();
      for (std::size_t round = 0; round < scaled(400'000); ++round) {
        Marked* const made = make_marked(slab, 24 + random.below(random.one_in(4) ? 8000 : 300), random.next());
        if (made == nullptr) {
          failures.fetch_add(1, std::memory_order_relaxed);
          continue;
        }
        Marked* const old_block = places[random.below(kPlaces)].exchange(made, std::memory_order_acq_rel);
        if (old_block == nullptr) continue;
        if (!is_whole(old_block)) damaged.store(true, std::memory_order_relaxed);
        slab.release(old_block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(damaged.load());
  EXPECT_EQ(failures.load(), 0u) << "the slab is far larger than what is alive at a time";
  for (std::atomic<Marked*>& place : places) {
    if (Marked* const block = place.load()) {
      EXPECT_TRUE(is_whole(block));
      slab.release(block);
    }
  }
  EXPECT_EQ(slab.used_bytes(), 0u);
}

TEST(SlabStress, NeverFailsWhileSpansOfOtherClassesAreEmpty) {
  // Each thread fills a few spans of one class, gives them all back and goes on to the next class. At any moment far
  // fewer spans are in use than there are: an allocation must not fail because another thread is collecting.
  constexpr std::size_t kThreads = 3;
  constexpr std::size_t kSpansEach = 8;
  constexpr std::size_t kClasses[] = {512, 1024, 2048, 4096, 8192};
  // What the blocks fill, one span more for each thread's start in the middle of one, and the spans that the classes
  // allocate from on each stripe.
  Slab slab((kThreads * (kSpansEach + 1) + kThreads * std::size(kClasses)) * kSpanBytes);
  std::atomic<std::uint64_t> failures{0};
  StartLine start(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      std::vector<void*> blocks;
      start.arrive();
      for (std::size_t round = 0; round < scaled(3'000); ++round) {
        const std::size_t bytes = kClasses[random.below(std::size(kClasses))];
        for (std::size_t count = kSpansEach * kSpanBytes / bytes; count > 0; --count) {
          if (void* const block = slab.allocate(bytes)) {
            blocks.push_back(block);
          } else {
            failures.fetch_add(1, std::memory_order_relaxed);
          }
        }
        release_all(slab, blocks);
        blocks.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0u);
}

}  // namespace
}  // namespace dictsqlite::entry
