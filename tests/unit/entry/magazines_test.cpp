// Goal: what a thread has released it gets back, last first, without the slab; what it keeps is bounded, counted, and
// makes way when the thread goes on to another size; and no block is ever in two hands. Method: one thread that counts,
// and several that pass marked blocks on.
#include "entry/magazines.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace dictsqlite::entry {
namespace {

using testing_support::Random;
using testing_support::scaled;
using testing_support::StartLine;

using Slab = BasicSlab<>;

class MagazinesTest : public testing::Test {
 protected:
  ~MagazinesTest() override { EXPECT_EQ(used(), 0u); }

  std::size_t used() const { return slab_.used_bytes() - magazines_.kept_bytes(); }
  std::vector<void*> take(std::size_t count, std::size_t bytes) {
    std::vector<void*> blocks(count);
    for (void*& block : blocks) block = magazines_.allocate(bytes);
    return blocks;
  }
  void give_back(const std::vector<void*>& blocks, std::size_t bytes) {
    for (void* const block : blocks) magazines_.release(block, bytes);
  }

  Slab slab_{8u << 20};
  Magazines magazines_{slab_};
};

TEST_F(MagazinesTest, GiveBackTheLastOneFirst) {
  std::vector<void*> blocks = take(3, 100);
  give_back(blocks, 100);
  EXPECT_EQ(magazines_.kept_bytes(), 3u * 112);
  std::reverse(blocks.begin(), blocks.end());
  EXPECT_EQ(take(3, 112), blocks) << "as many bytes as the class has";
  EXPECT_EQ(magazines_.kept_bytes(), 0u);
  give_back(blocks, 100);
}

TEST_F(MagazinesTest, KeepSizesApart) {
  void* const small = magazines_.allocate(100);
  magazines_.release(small, 100);
  void* const large = magazines_.allocate(200);
  EXPECT_NE(large, small);
  EXPECT_EQ(magazines_.allocate(100), small);
  magazines_.release(large, 200);
  magazines_.release(small, 100);
}

TEST_F(MagazinesTest, KeepNoMoreThanTheirBound) {
  const std::vector<void*> blocks = take(2 * Magazines::kBytesMax / 1024, 1024);
  give_back(blocks, 1024);
  EXPECT_EQ(magazines_.kept_bytes(), Magazines::kBytesMax);
  EXPECT_EQ(slab_.used_bytes(), Magazines::kBytesMax) << "the rest went to the slab";
}

// Classes that share a magazine, and classes that do not: what is kept makes way for what is used now.
TEST_F(MagazinesTest, MakeWayForAnotherSize) {
  constexpr std::size_t kSizes[] = {1024, 2048, 4096, 64, 8192, 1152};
  for (const std::size_t bytes : kSizes) {
    const std::vector<void*> blocks = take(2 * Magazines::kBytesMax / bytes, bytes);
    give_back(blocks, bytes);
    EXPECT_LE(magazines_.kept_bytes(), Magazines::kBytesMax);
    void* const again = magazines_.allocate(bytes);
    EXPECT_NE(std::find(blocks.begin(), blocks.end(), again), blocks.end());
    const std::size_t allocated = slab_.used_bytes();
    void* const another = magazines_.allocate(bytes);
    EXPECT_EQ(slab_.used_bytes(), allocated) << "of " << bytes << " bytes some were kept";
    magazines_.release(another, bytes);
    magazines_.release(again, bytes);
  }
}

TEST_F(MagazinesTest, OfAThreadThatEndedGoOnWithItsNumber) {
  const auto in_thread = [](auto&& work) { std::thread(work).join(); };
  void* block = nullptr;
  in_thread([&] {
    block = magazines_.allocate(300);
    magazines_.release(block, 300);
  });
  EXPECT_EQ(magazines_.kept_bytes(), 320u);
  void* again = nullptr;
  in_thread([&] { again = magazines_.allocate(300); });
  EXPECT_EQ(again, block);
  magazines_.release(again, 300);
}

TEST_F(MagazinesTest, OfThreadsWithoutANumberAreTheSlab) {
  struct Late {
    ~Late() {
      void* const block = magazines->allocate(500);
      magazines->release(block, 500);
    }
    Magazines* magazines = nullptr;
  };
  std::thread([&] {
    static thread_local Late late;  // made before the number is claimed, hence destroyed after it was given back
    late.magazines = &magazines_;
    static_cast<void>(base::thread_slot());
  }).join();
  EXPECT_EQ(magazines_.kept_bytes(), 0u);
  EXPECT_EQ(slab_.used_bytes(), 0u);
}

// A block's first word is the slab's while it is free; the rest says whose it is.
struct Marked {
  std::atomic<std::uint32_t> reserved;
  std::uint32_t bytes;
  std::atomic<std::uint64_t> owner;
};

TEST_F(MagazinesTest, NeverGiveABlockToTwo) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPlaces = 256;
  std::vector<std::atomic<Marked*>> places(kPlaces);
  std::atomic<std::uint64_t> damaged{0};
  const auto is_changed = [](Marked* block, std::uint64_t from, std::uint64_t to) {
    return !block->owner.compare_exchange_strong(from, to, std::memory_order_relaxed);
  };
  StartLine start(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      const std::uint64_t mine = thread + 1;
      start.arrive();
      for (std::size_t round = 0; round < scaled(400'000); ++round) {
        const std::size_t bytes = 24 + random.below(random.one_in(8) ? 3000 : 300);
        auto* const made = static_cast<Marked*>(magazines_.allocate(bytes));
        if (made == nullptr) continue;
        made->bytes = static_cast<std::uint32_t>(bytes);
        made->owner.store(mine, std::memory_order_relaxed);
        Marked* const other = places[random.below(kPlaces)].exchange(made, std::memory_order_acq_rel);
        if (other == nullptr) continue;
        const std::uint64_t owner = other->owner.load(std::memory_order_relaxed);
        if (owner == 0 || owner > kThreads || is_changed(other, owner, 0)) damaged.fetch_add(1);
        magazines_.release(other, other->bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(damaged.load(), 0u);
  for (std::atomic<Marked*>& place : places) {
    if (Marked* const block = place.load()) magazines_.release(block, block->bytes);
  }
}

}  // namespace
}  // namespace dictsqlite::entry
