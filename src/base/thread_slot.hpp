// thread_slot(): a small number that no other living thread has. What a thread keeps under its number only it writes,
// so that it needs no locked instruction to count there.
//
// Thread-safety: any thread. A number goes on to another thread only after its owner has ended, and the next owner then
//                knows all that the last one did (TN1).
// Ownership:     the number is the thread's until it ends; nothing is left behind.
// Progress:      wait-free; the first call on a thread looks for a free number.
#pragma once

#include "base/compiler.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::base {

/// Threads that can have a number at a time.
inline constexpr std::uint32_t kThreadSlots = 128;
/// What the others get, and what a thread gets that is past its own end: it must share.
inline constexpr std::uint32_t kNoThreadSlot = kThreadSlots;

namespace detail {
inline constexpr std::uint32_t kUnclaimed = kThreadSlots + 1;
inline constinit thread_local std::uint32_t slot_of_this_thread = kUnclaimed;
inline constinit thread_local std::uint32_t quick_slot_of_this_thread = kNoThreadSlot;
inline constinit std::atomic<std::uint32_t> slots_seen{0};
[[nodiscard]] std::uint32_t claim_thread_slot() noexcept;
}  // namespace detail

[[nodiscard]] inline std::uint32_t thread_slot() noexcept {
  const std::uint32_t slot = detail::slot_of_this_thread;
  return DICTSQLITE_LIKELY(slot != detail::kUnclaimed) ? slot : detail::claim_thread_slot();
}

/// The same if the thread has its number already and light fences cost nothing here; kNoThreadSlot otherwise. For paths
/// that are to be free of calls: whoever gets a number passes base::free_light_fence() where others take light_fence().
[[nodiscard]] inline std::uint32_t quick_thread_slot() noexcept { return detail::quick_slot_of_this_thread; }

/// No thread has had this number or a higher one yet. Raised before thread_slot() returns it for the first time.
[[nodiscard]] inline std::uint32_t thread_slots_seen() noexcept {
  return detail::slots_seen.load(std::memory_order_relaxed);  // what a thread does under its number carries it along
}

}  // namespace dictsqlite::base
