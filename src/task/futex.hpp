// Two system calls: sleep while a word has a value, and wake one sleeper. Linux only; a port puts its own twin here.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::task {

/// Sleeps while `word` equals `expected`, at most until `deadline` on the steady clock. May return early for no
/// reason: look again. Returns false if the deadline has passed.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept;

/// Wakes one thread that sleeps on `word`. The word may be gone by now, since only its address is used: a stranger
/// who sleeps at that address wakes early, which every sleeper must allow for.
void futex_wake_one(const std::atomic<std::uint32_t>* word) noexcept;

}  // namespace dictsqlite::task
