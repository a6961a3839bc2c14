// Assertions: for our own mistakes only. Input, disk contents and the results of the kernel and of
// SQLite are never asserted; those are errors with a Status.
//
//   DICTSQLITE_ASSERT(condition, "sentence")   always on: prints, then aborts. Crash rather than corrupt.
//   DICTSQLITE_DCHECK(condition, "sentence")   for costly checks: debug and sanitizer builds only.
#pragma once

#include "base/compiler.hpp"

namespace dictsqlite::base {

/// Prints `file:line: assertion failed: expression (sentence)` to standard error and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* sentence, const char* file, int line) noexcept;

}  // namespace dictsqlite::base

#define DICTSQLITE_ASSERT(condition, sentence)         \
  (DICTSQLITE_LIKELY(condition) ? static_cast<void>(0) \
                                : ::dictsqlite::base::assertion_failed(#condition, sentence, __FILE__, __LINE__))

#if defined(DICTSQLITE_DCHECKS)
#define DICTSQLITE_DCHECK(condition, sentence) DICTSQLITE_ASSERT(condition, sentence)
#else
#define DICTSQLITE_DCHECK(condition, sentence) static_cast<void>(sizeof(static_cast<bool>(condition)))
#endif
