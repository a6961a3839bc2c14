#include "base/thread_slot.hpp"

#include "base/asymmetric_fence.hpp"

#include <array>
#include <bit>
#include <cstddef>

namespace dictsqlite::base::detail {

namespace {

constexpr std::uint32_t kWordBits = 64;
static_assert(kThreadSlots % kWordBits == 0);

// A bit for each number: somebody has it. Lowest first, so that who looks at all numbers finds them together.
constinit std::array<std::atomic<std::uint64_t>, kThreadSlots / kWordBits> taken{};

std::uint32_t take_number() noexcept {
  for (std::uint32_t index = 0; index < taken.size(); ++index) {
    std::uint64_t word = taken[index].load(std::memory_order_relaxed);  // validated by the CAS
    while (~word != 0) {
      const auto bit = static_cast<std::uint32_t>(std::countr_one(word));
      if (taken[index].compare_exchange_weak(word, word | std::uint64_t{1} << bit, std::memory_order_acquire,
                                             std::memory_order_relaxed))
        return index * kWordBits + bit;  // (TN1)
    }
  }
  return kNoThreadSlot;
}

void note_seen(std::uint32_t slot) noexcept {
  std::uint32_t seen = slots_seen.load(std::memory_order_relaxed);  // validated by the CAS
  while (seen <= slot && !slots_seen.compare_exchange_weak(seen, slot + 1, std::memory_order_relaxed)) {
  }
}

// Gives the number back when the thread ends. What other thread-local objects do after that is done without one.
struct Claim {
  Claim() noexcept = default;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    const std::uint32_t slot = slot_of_this_thread;
    slot_of_this_thread = kNoThreadSlot;
    quick_slot_of_this_thread = kNoThreadSlot;
    if (slot < kThreadSlots) {
      taken[slot / kWordBits].fetch_and(~(std::uint64_t{1} << slot % kWordBits), std::memory_order_release);  // (TN1)
    }
  }
};

}  // namespace

std::uint32_t claim_thread_slot() noexcept {
  static thread_local const Claim claim;  // before the number is taken: from here on it is given back
  static_cast<void>(claim);
  const std::uint32_t slot = take_number();
  if (slot != kNoThreadSlot) note_seen(slot);
  prepare_fences();
  quick_slot_of_this_thread = fences_are_asymmetric() ? slot : kNoThreadSlot;
  return slot_of_this_thread = slot;
}

}  // namespace dictsqlite::base::detail
