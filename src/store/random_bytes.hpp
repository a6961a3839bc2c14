// Bytes by chance, for what must not be alike in two databases or in two lives of one.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <span>

namespace dictsqlite::store {

inline constexpr std::size_t kRandomBytesMax = 32;

/// Fills `out`, of kRandomBytesMax at most, with what the VFS draws; with the kernel's where the VFS says that it has
/// no such. SQLite's own goes by time and process where /dev/urandom cannot be opened, says so by a count of 12, and
/// writes as many whatever it was asked for. Without both the bytes are no better than that.
void draw_random(sqlite3_vfs& vfs, std::span<char> out) noexcept;

}  // namespace dictsqlite::store
