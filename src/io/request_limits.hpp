// Bounds that both implementations of IoBackend share, beside kRequestsMax of the contract.
#pragma once

#include <cstddef>

namespace dictsqlite::io {

/// How often a write that was interrupted before it wrote anything is started before its error is reported.
inline constexpr int kWriteAttemptsMax = 8;

/// What one write(2) of Linux takes at most; a longer one is short there and here.
inline constexpr std::size_t kWriteBytesMax = 0x7ffff000;

}  // namespace dictsqlite::io
