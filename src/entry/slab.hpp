// Slab: the memory of entries. One address range, reserved at once and touched as needed, cut into spans of
// 32 KiB; a span serves blocks of one size class. Allocation and release are a compare-and-swap on the span's
// state word, and no system call is ever made between construction and destruction.
//
// Why not malloc: freeing a cold node through glibc was measured at 146 ns, a slab at 10 ns; and an offset of
// 32 bits names every block, which halves the links of the structures above.
//
// Thread-safety: every member from any thread.
// Ownership:     owns the range; everything allocated must be dead before it.
// Progress:      lock-free. allocate() fails only when no span is left.
//
// A span is *listed* while it may be allocated from: then it is in exactly one place, namely a stripe's `current`
// slot, the class's stack of partly free spans, or the hands of the thread that just took it from one of them.
// A full span is *unlisted* and nowhere; the first release into it lists it again. Both changes happen on the
// span's state word, together with the free list itself, so that a span is never lost and never in two places:
//   (S1) release of a block: state CAS, release       (S2) allocate: state load / CAS, acquire
// The link inside a free block is written before (S1) and read after (S2); a reader that lost the race reads a
// stale link, but its CAS then fails on the tag, which every change of the state increments.
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"
#include "base/compiler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include <sys/mman.h>

namespace dictsqlite::entry {

/// Names a block: its distance from the start of the slab in units of 16 bytes. 0 names none. 31 bits, so that
/// links have a bit to spare.
using BlockOffset = std::uint32_t;

inline constexpr std::size_t kBlockUnit = 16;
inline constexpr std::size_t kSpanBytes = 32u << 10;
inline constexpr std::size_t kBlockBytesMax = 8u << 10;
inline constexpr std::size_t kSlabBytesMax = std::size_t{1} << 35;  // 2^31 units

/// Size classes: multiples of 16 up to 256, then eight to a doubling. At most 1/8 of a block is lost.
struct SizeClass {
  static constexpr std::uint32_t kCount = 13 + 5 * 8;  // 64..256 by 16, then 256..8192 in eighths

  [[nodiscard]] static constexpr std::uint32_t of(std::size_t bytes) noexcept {
    if (bytes <= 64) return 0;
    if (bytes <= 256) return static_cast<std::uint32_t>((bytes - 64 + 15) / 16);
    const auto doubling = static_cast<std::uint32_t>(std::bit_width(bytes - 1) - 9);  // 0 for 257..512
    const std::size_t step = std::size_t{32} << doubling;
    const std::size_t above = bytes - (std::size_t{256} << doubling);
    return 12 + doubling * 8 + static_cast<std::uint32_t>((above + step - 1) / step);
  }
  [[nodiscard]] static constexpr std::size_t bytes(std::uint32_t size_class) noexcept {
    if (size_class <= 12) return 64 + std::size_t{size_class} * 16;
    const std::uint32_t doubling = (size_class - 13) / 8;
    const std::uint32_t eighth = (size_class - 13) % 8 + 1;
    return (std::size_t{256} << doubling) + (std::size_t{32} << doubling) * eighth;
  }
};
static_assert(SizeClass::bytes(SizeClass::kCount - 1) == kBlockBytesMax);
static_assert(SizeClass::of(kBlockBytesMax) == SizeClass::kCount - 1);
static_assert(SizeClass::of(257) == 13 && SizeClass::bytes(13) == 288);

template <class Atomics = base::StdAtomics>
class BasicSlab {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  /// Reserves address space for `bytes` of blocks (rounded up to spans, at most kSlabBytesMax). Check valid().
  explicit BasicSlab(std::size_t bytes) noexcept {
    span_count_ = static_cast<std::uint32_t>((bytes + kSpanBytes - 1) / kSpanBytes +
                                             1);  // span 0 stays unused: offset 0 is "none"
    range_bytes_ = std::size_t{span_count_} * kSpanBytes;
    if (range_bytes_ > kSlabBytesMax) return;
    void* range = reserve(range_bytes_);
    void* spans = reserve(std::size_t{span_count_} * sizeof(Span));
    if (range == nullptr || spans == nullptr) {
      if (range != nullptr) ::munmap(range, range_bytes_);
      if (spans != nullptr) ::munmap(spans, std::size_t{span_count_} * sizeof(Span));
      return;
    }
    ::madvise(range, range_bytes_, MADV_HUGEPAGE);  // advice: a refusal costs speed only
    base_ = static_cast<std::byte*>(range);
    spans_ = static_cast<Span*>(spans);  // zero pages are valid, empty spans (all atomics zero)
  }
  ~BasicSlab() {
    if (base_ == nullptr) return;
    ::munmap(base_, range_bytes_);
    ::munmap(spans_, std::size_t{span_count_} * sizeof(Span));
  }
  BasicSlab(const BasicSlab&) = delete;
  BasicSlab& operator=(const BasicSlab&) = delete;

  /// False if the address space could not be reserved.
  [[nodiscard]] bool valid() const noexcept { return base_ != nullptr; }

  /// A block of at least `bytes` (at most kBlockBytesMax), aligned to 16, or nullptr if none is left. The first
  /// four bytes of every block are an Atomic<uint32_t> for as long as the slab lives: stale readers of the free
  /// list may load them at any time, so they must only be accessed as such.
  [[nodiscard]] void* allocate(std::size_t bytes) noexcept {
    const std::uint32_t size_class = SizeClass::of(bytes);
    DICTSQLITE_DCHECK(bytes <= kBlockBytesMax, "larger values live outside the slab");
    Atomic<std::uint32_t>& current = stripes_[Atomics::stripe(kStripes)].current[size_class];
    for (;;) {
      std::uint32_t span = current.load(std::memory_order_acquire);  // (S3) pairs with the CAS below
      if (span != 0) {
        if (void* block = take_block(span, size_class)) {
          count_used(static_cast<std::int64_t>(SizeClass::bytes(size_class)));
          return block;
        }
        // Exhausted: whoever detaches it owns it, and unlists it or passes it on.
        if (current.compare_exchange_strong(span, 0, std::memory_order_acq_rel)) retire_current(span, size_class);
        continue;
      }
      span = take_span(size_class);
      if (span == 0) return nullptr;
      std::uint32_t none = 0;
      if (!current.compare_exchange_strong(none, span, std::memory_order_acq_rel))
        push(partial_[size_class], span);  // (S3)
    }
  }

  /// Gives a block back. From any thread; nobody may touch the block any more, the stale readers of allocate() aside.
  void release(void* block) noexcept {
    const std::size_t distance = static_cast<std::size_t>(static_cast<std::byte*>(block) - base_);
    const auto span_index = static_cast<std::uint32_t>(distance / kSpanBytes);
    Span& span = spans_[span_index];
    std::uint64_t old_state = span.state.load(std::memory_order_relaxed);  // validated by the CAS
    const std::uint32_t size_class = State::size_class(old_state);
    const auto index = static_cast<std::uint32_t>(distance % kSpanBytes / SizeClass::bytes(size_class));
    DICTSQLITE_DCHECK(distance % kSpanBytes % SizeClass::bytes(size_class) == 0, "not the start of a block");
    for (;;) {
      link_of(block).store(State::head(old_state), std::memory_order_relaxed);  // published by (S1)
      const std::uint64_t new_state = State::make(index, State::free_count(old_state) + 1, State::carved(old_state),
                                                  size_class, State::kListed, State::tag(old_state) + 1);
      if (span.state.compare_exchange_weak(old_state, new_state, std::memory_order_acq_rel, std::memory_order_relaxed))
        break;  // (S1)
    }
    if (State::listed(old_state) == 0) push(partial_[size_class], span_index);
    count_used(-static_cast<std::int64_t>(SizeClass::bytes(size_class)));
  }

  [[nodiscard]] BlockOffset offset_of(const void* block) const noexcept {
    return static_cast<BlockOffset>(static_cast<std::size_t>(static_cast<const std::byte*>(block) - base_) /
                                    kBlockUnit);
  }
  [[nodiscard]] void* at(BlockOffset offset) const noexcept { return base_ + std::size_t{offset} * kBlockUnit; }

  /// Bytes of all live blocks, as a sum over threads: exact when nobody allocates or releases.
  [[nodiscard]] std::size_t used_bytes() const noexcept {
    std::int64_t sum = used_[Atomics::kThreadSlots].bytes.load(std::memory_order_relaxed);  // gauges
    const std::uint32_t seen = Atomics::thread_slots_seen();
    for (std::uint32_t slot = 0; slot < seen; ++slot) sum += used_[slot].bytes.load(std::memory_order_relaxed);
    return sum > 0 ? static_cast<std::size_t>(sum) : 0;
  }
  /// Counts memory that belongs to an entry but lives outside (large values).
  void add_outside_bytes(std::int64_t bytes) noexcept { count_used(bytes); }

  /// The link that a free block begins with.
  [[nodiscard]] static Atomic<std::uint32_t>& link_of(void* block) noexcept {
    return *std::launder(reinterpret_cast<Atomic<std::uint32_t>*>(block));
  }
  /// Fetches a block's first lines to be written: the rest of a longer one the processor fetches by itself meanwhile.
  static void prefetch_block(void* block, std::uint32_t size_class) noexcept {
    const std::size_t bytes = std::min(SizeClass::bytes(size_class), 4 * base::kCacheLine);
    for (std::size_t at = 0; at < bytes; at += base::kCacheLine) {
      base::prefetch_for_write(static_cast<std::byte*>(block) + at);
    }
  }

 private:
  static constexpr std::size_t kStripes = 4;

  // The state of a span in one word: first free block, number of free blocks, blocks handed out at least once,
  // size class, whether it is listed, and a tag against ABA. An all-zero word is a span never used.
  struct State {
    static constexpr std::uint64_t kListed = 1;
    static constexpr std::uint64_t make(std::uint32_t head, std::uint32_t free_count, std::uint32_t carved,
                                        std::uint32_t size_class, std::uint64_t listed, std::uint64_t tag) noexcept {
      return std::uint64_t{head} | std::uint64_t{free_count} << 9 | std::uint64_t{carved} << 19 |
             std::uint64_t{size_class} << 29 | listed << 35 | tag << 36;
    }
    static constexpr std::uint32_t head(std::uint64_t s) noexcept { return static_cast<std::uint32_t>(s & 0x1FF); }
    static constexpr std::uint32_t free_count(std::uint64_t s) noexcept {
      return static_cast<std::uint32_t>(s >> 9 & 0x3FF);
    }
    static constexpr std::uint32_t carved(std::uint64_t s) noexcept {
      return static_cast<std::uint32_t>(s >> 19 & 0x3FF);
    }
    static constexpr std::uint32_t size_class(std::uint64_t s) noexcept {
      return static_cast<std::uint32_t>(s >> 29 & 0x3F);
    }
    static constexpr std::uint64_t listed(std::uint64_t s) noexcept { return s >> 35 & 1; }
    static constexpr std::uint64_t tag(std::uint64_t s) noexcept { return s >> 36; }
  };
  static_assert(kSpanBytes / SizeClass::bytes(0) == 512, "a block's index must fit 9 bits, a count 10");
  static_assert(SizeClass::kCount <= 64);

  struct alignas(base::kCacheLine) Span {
    Atomic<std::uint64_t> state;  // see State
    Atomic<std::uint32_t> next;   // link in the one stack it is in: written by its owner before push's CAS
  };
  struct alignas(base::kCacheLine) Stripe {
    std::array<Atomic<std::uint32_t>, SizeClass::kCount> current{};  // span allocated from; 0: none
  };
  // What the threads of one number have allocated and released: of one alone it may be anything.
  struct alignas(base::kCacheLine) Used {
    Atomic<std::int64_t> bytes{0};
  };
  // A Treiber stack of spans: index of the first in the low half, a tag against ABA in the high half.
  struct alignas(base::kCacheLine) Stack {
    Atomic<std::uint64_t> head{0};
  };

  void count_used(std::int64_t bytes) noexcept {
    const std::uint32_t own = Atomics::thread_slot();
    Atomic<std::int64_t>& used = used_[own].bytes;
    if (DICTSQLITE_LIKELY(own < Atomics::kThreadSlots)) {
      used.store(used.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);  // ours alone; a gauge
    } else {
      used.fetch_add(bytes, std::memory_order_relaxed);  // a gauge
    }
  }

  [[nodiscard]] static void* reserve(std::size_t bytes) noexcept {
    void* range = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return range == MAP_FAILED ? nullptr : range;
  }
  [[nodiscard]] static constexpr std::uint32_t blocks_per_span(std::uint32_t size_class) noexcept {
    return static_cast<std::uint32_t>(kSpanBytes / SizeClass::bytes(size_class));
  }
  [[nodiscard]] void* block_at(std::uint32_t span, std::uint32_t size_class, std::uint32_t index) noexcept {
    return base_ + std::size_t{span} * kSpanBytes + std::size_t{index} * SizeClass::bytes(size_class);
  }

  // A block of the span, or nullptr if it has none left or does not serve this class (any more).
  [[nodiscard]] void* take_block(std::uint32_t span_index, std::uint32_t size_class) noexcept {
    Span& span = spans_[span_index];
    std::uint64_t old_state = span.state.load(std::memory_order_acquire);  // (S2)
    for (;;) {
      if (State::size_class(old_state) != size_class) return nullptr;
      const std::uint32_t free_count = State::free_count(old_state);
      const std::uint32_t carved = State::carved(old_state);
      std::uint64_t new_state = 0;
      void* block = nullptr;
      if (free_count > 0) {
        block = block_at(span_index, size_class, State::head(old_state));
        const std::uint32_t next =
            link_of(block).load(std::memory_order_relaxed) & 0x1FF;  // stale only if the CAS fails
        new_state =
            State::make(next, free_count - 1, carved, size_class, State::listed(old_state), State::tag(old_state) + 1);
      } else if (carved < blocks_per_span(size_class)) {
        block = block_at(span_index, size_class, carved);
        new_state = State::make(0, 0, carved + 1, size_class, State::listed(old_state), State::tag(old_state) + 1);
      } else {
        return nullptr;
      }
      if (span.state.compare_exchange_weak(old_state, new_state, std::memory_order_acquire,
                                           std::memory_order_acquire)) {  // (S2)
        // The next allocation's block: its link is read, and then it is written.
        const std::uint32_t next = State::free_count(new_state) > 0 ? State::head(new_state) : State::carved(new_state);
        if (next < blocks_per_span(size_class)) prefetch_block(block_at(span_index, size_class, next), size_class);
        return block;
      }
    }
  }

  // The caller has just detached `span` from a `current` slot and owns it.
  void retire_current(std::uint32_t span_index, std::uint32_t size_class) noexcept {
    Span& span = spans_[span_index];
    std::uint64_t old_state = span.state.load(std::memory_order_relaxed);  // validated by the CAS
    for (;;) {
      if (State::free_count(old_state) > 0 || State::carved(old_state) < blocks_per_span(size_class)) {
        push(partial_[size_class], span_index);  // a block came back meanwhile
        return;
      }
      const std::uint64_t new_state =
          State::make(0, 0, State::carved(old_state), size_class, 0, State::tag(old_state) + 1);
      if (span.state.compare_exchange_weak(old_state, new_state, std::memory_order_acq_rel, std::memory_order_relaxed))
        return;  // (S1)
    }
  }

  // A listed span of the class, owned by the caller, or 0.
  [[nodiscard]] std::uint32_t take_span(std::uint32_t size_class) noexcept {
    if (const std::uint32_t span = pop(partial_[size_class])) return span;
    if (const std::uint32_t span = take_unused()) return claim(span, size_class);
    for (;;) {
      // While somebody else collects, spans are in his hands and nowhere to be found: their absence proves nothing.
      const std::uint64_t before = collections_.fetch_add(kCollecting, std::memory_order_acq_rel);  // (S5)
      collect_empty();
      const std::uint64_t after = collections_.fetch_add(kCollected - kCollecting, std::memory_order_acq_rel);  // (S5)
      if (const std::uint32_t span = take_unused()) return claim(span, size_class);
      if (const std::uint32_t span = pop(partial_[size_class])) return span;
      if (before % kCollected == 0 && after == before + kCollecting) return 0;
      base::spin_pause();
    }
  }
  [[nodiscard]] std::uint32_t take_unused() noexcept {
    if (const std::uint32_t span = pop(unused_)) return span;
    std::uint32_t next = next_fresh_.load(std::memory_order_relaxed);  // a counter: publishes nothing
    while (next < span_count_) {
      if (next_fresh_.compare_exchange_weak(next, next + 1, std::memory_order_relaxed)) return next;
    }
    return 0;
  }
  [[nodiscard]] std::uint32_t claim(std::uint32_t span_index, std::uint32_t size_class) noexcept {
    Span& span = spans_[span_index];
    // Nobody else changes an unused span's state: a stale allocator sees no block in it.
    const std::uint64_t tag = State::tag(span.state.load(std::memory_order_relaxed));
    span.state.store(State::make(0, 0, 0, size_class, State::kListed, tag + 1), std::memory_order_release);  // (S1)
    return span_index;
  }
  // Turns the empty spans among the partly free ones back into unused ones. Rare: only when no fresh span is left.
  void collect_empty() noexcept {
    for (std::uint32_t size_class = 0; size_class < SizeClass::kCount; ++size_class) {
      std::uint32_t span_index = pop_all(partial_[size_class]);
      while (span_index != 0) {
        Span& span = spans_[span_index];
        const std::uint32_t next = span.next.load(std::memory_order_relaxed);  // ours since pop_all
        push(make_unused(span) ? unused_ : partial_[size_class], span_index);
        span_index = next;
      }
    }
  }
  // True if the span, owned by the caller, was empty and now holds no block at all.
  [[nodiscard]] static bool make_unused(Span& span) noexcept {
    std::uint64_t old_state = span.state.load(std::memory_order_acquire);  // (S2)
    while (State::free_count(old_state) == State::carved(old_state)) {
      // "All carved, none free" of a class without blocks: take_block() finds nothing whatever it expects.
      const std::uint64_t new_state = State::make(0, 0, 0x3FF, 0x3F, State::kListed, State::tag(old_state) + 1);
      if (span.state.compare_exchange_weak(old_state, new_state, std::memory_order_acq_rel, std::memory_order_acquire))
        return true;
    }
    return false;
  }

  void push(Stack& stack, std::uint32_t span_index) noexcept {
    std::uint64_t head = stack.head.load(std::memory_order_relaxed);  // validated by the CAS
    for (;;) {
      spans_[span_index].next.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);  // published by (S4)
      const std::uint64_t new_head = span_index | ((head >> 32) + 1) << 32;
      if (stack.head.compare_exchange_weak(head, new_head, std::memory_order_release, std::memory_order_relaxed))
        return;  // (S4)
    }
  }
  [[nodiscard]] std::uint32_t pop(Stack& stack) noexcept {
    std::uint64_t head = stack.head.load(std::memory_order_acquire);  // (S4)
    for (;;) {
      const auto first = static_cast<std::uint32_t>(head);
      if (first == 0) return 0;
      const std::uint64_t next =
          spans_[first].next.load(std::memory_order_relaxed);  // stale only if the CAS fails on the tag
      const std::uint64_t new_head = next | ((head >> 32) + 1) << 32;
      if (stack.head.compare_exchange_weak(head, new_head, std::memory_order_acquire, std::memory_order_acquire))
        return first;  // (S4)
    }
  }
  [[nodiscard]] std::uint32_t pop_all(Stack& stack) noexcept {
    std::uint64_t head = stack.head.load(std::memory_order_acquire);  // (S4)
    while (static_cast<std::uint32_t>(head) != 0) {
      const std::uint64_t new_head = ((head >> 32) + 1) << 32;
      if (stack.head.compare_exchange_weak(head, new_head, std::memory_order_acquire,
                                           std::memory_order_acquire)) {  // (S4)
        return static_cast<std::uint32_t>(head);
      }
    }
    return 0;
  }

  std::byte* base_ = nullptr;
  Span* spans_ = nullptr;
  std::size_t range_bytes_ = 0;
  std::uint32_t span_count_ = 0;

  static constexpr std::uint64_t kCollecting = 1;
  static constexpr std::uint64_t kCollected = std::uint64_t{1} << 16;

  // Threads in collect_empty(), and kCollected times how often it was left. (S5): pairs with itself; what a collector
  // put back is found by whoever sees that he left.
  alignas(base::kCacheLine) Atomic<std::uint64_t> collections_{0};
  alignas(base::kCacheLine) Atomic<std::uint32_t> next_fresh_{1};  // spans below it have been handed out once
  Stack unused_;                                                   // spans that were collected empty
  std::array<Stack, SizeClass::kCount> partial_;                   // listed spans that are nobody's current
  std::array<Stripe, kStripes> stripes_;
  std::array<Used, Atomics::kThreadSlots + 1> used_;  // by thread slot; the last one of all that have to share
};

using Slab = BasicSlab<>;

}  // namespace dictsqlite::entry
