// Magazines: the free blocks that each thread keeps for itself, so that whoever frees about as much as it allocates
// takes no locked instruction for either, and gets what is still in its processor's cache (J. Bonwick, J. Adams,
// "Magazines and Vmem", 2001). Whatever does not fit goes to the slab and comes from there.
//
// Thread-safety: any thread.
// Ownership:     of the blocks it keeps, which the slab takes for allocated. They are not given back when a thread
//                ends: the next owner of its number goes on with them (TN1).
// Progress:      as the slab's. A block that one thread keeps another one cannot have: kBytesMax a thread.
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "entry/slab.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::entry {

template <class Atomics = base::StdAtomics>
class BasicMagazines {
 public:
  using Slab = BasicSlab<Atomics>;

  /// What a thread keeps at most: about what its processor's cache does.
  static constexpr std::size_t kBytesMax = 64u << 10;

  explicit BasicMagazines(Slab& slab) noexcept : slab_(slab) {}

  /// As BasicSlab::allocate().
  [[nodiscard]] void* allocate(std::size_t bytes) noexcept {
    const std::uint32_t own = Atomics::thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return slab_.allocate(bytes);
    Own& thread = threads_[own];
    const std::uint32_t size_class = SizeClass::of(bytes);
    Magazine& magazine = thread.magazines[size_class % kMagazines];
    if (magazine.first == 0 || magazine.size_class != size_class) return slab_.allocate(bytes);
    thread.count_kept(-static_cast<std::int64_t>(SizeClass::bytes(size_class)));
    return take(magazine);
  }
  /// As BasicSlab::release(); `bytes` as it was allocated.
  void release(void* block, std::size_t bytes) noexcept {
    const std::uint32_t own = Atomics::thread_slot();
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return slab_.release(block);
    Own& thread = threads_[own];
    const std::uint32_t size_class = SizeClass::of(bytes);
    Magazine& magazine = thread.magazines[size_class % kMagazines];
    if (DICTSQLITE_UNLIKELY(magazine.size_class != size_class)) {
      give_back(thread, magazine);
      magazine.size_class = size_class;
    }
    if (DICTSQLITE_UNLIKELY(thread.kept() + SizeClass::bytes(size_class) > kBytesMax)) {
      if (magazine.first != 0) return slab_.release(block);
      give_back_another(thread);  // what the thread uses now is of another size than it was
    }
    thread.count_kept(static_cast<std::int64_t>(SizeClass::bytes(size_class)));
    Slab::link_of(block).store(magazine.first, std::memory_order_relaxed);  // ours alone
    magazine.first = slab_.offset_of(block);
  }

  /// Bytes of the blocks that are kept: a sum over threads, exact when nobody allocates or releases.
  [[nodiscard]] std::size_t kept_bytes() const noexcept {
    std::size_t sum = 0;
    const std::uint32_t seen = Atomics::thread_slots_seen();
    for (std::uint32_t slot = 0; slot < seen; ++slot) sum += threads_[slot].kept();
    return sum;
  }

 private:
  static constexpr std::uint32_t kMagazines = 8;  // for the size classes that threads use at a time

  // Blocks of one size class, linked as the slab links its own.
  struct Magazine {
    std::uint32_t size_class = 0;
    BlockOffset first = 0;
  };
  // Of the thread with this number alone, but for the gauge.
  struct alignas(base::kCacheLine) Own {
    typename Atomics::template Atomic<std::size_t> kept_bytes{0};
    std::uint32_t next_given_back = 0;
    std::array<Magazine, kMagazines> magazines{};

    [[nodiscard]] std::size_t kept() const noexcept { return kept_bytes.load(std::memory_order_relaxed); }  // a gauge
    void count_kept(std::int64_t bytes) noexcept {
      kept_bytes.store(kept() + static_cast<std::size_t>(bytes), std::memory_order_relaxed);  // a gauge
    }
  };

  // The magazine has one. The next one's first lines are fetched: it is written when it is taken.
  [[nodiscard]] void* take(Magazine& magazine) noexcept {
    void* const block = slab_.at(magazine.first);
    magazine.first = Slab::link_of(block).load(std::memory_order_relaxed);  // ours alone
    if (magazine.first != 0) slab_.prefetch_block(slab_.at(magazine.first), magazine.size_class);
    return block;
  }
  void give_back(Own& thread, Magazine& magazine) noexcept {
    while (magazine.first != 0) {
      thread.count_kept(-static_cast<std::int64_t>(SizeClass::bytes(magazine.size_class)));
      slab_.release(take(magazine));
    }
  }
  // The next one that has something.
  void give_back_another(Own& thread) noexcept {
    for (std::uint32_t looked = 0; looked < kMagazines; ++looked) {
      Magazine& magazine = thread.magazines[thread.next_given_back++ % kMagazines];
      if (magazine.first == 0) continue;
      return give_back(thread, magazine);
    }
  }

  Slab& slab_;
  std::array<Own, Atomics::kThreadSlots> threads_{};
};

using Magazines = BasicMagazines<>;

}  // namespace dictsqlite::entry
