// What the writers of the kill loop write. Write number n of a writer follows from the seed alone, so that the process
// that is killed and the one that judges it need not talk about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::kill_loop {

inline constexpr unsigned kWritersMax = 6;
inline constexpr std::size_t kKeysPerWriter = 80;
inline constexpr std::size_t kValueBytesMax = std::size_t{32} << 10;

struct PlannedRow {
  bool erase;
  std::string key;
  std::string value;
};

enum class Fence : std::uint8_t { kNone, kSync, kFlush };

struct PlannedWrite {
  std::vector<PlannedRow> rows;  // one: a set or an erase; several: a WriteBatch, perhaps with a key twice
  bool durable;                  // awaited with Ack::kDurable, while the writer goes on
  Fence fence;                   // awaited after the write
};

/// Numbers begin at 1. Writers have keys of their own.
[[nodiscard]] PlannedWrite plan_write(unsigned writer, std::uint64_t number);

/// Whether the process of this round writes a log.
[[nodiscard]] bool is_journaled(std::uint64_t round);

/// Which writer a key belongs to; kWritersMax if to none.
[[nodiscard]] unsigned writer_of(std::string_view key);

/// Key, number and checksum are in the value: this says which write it claims to be, and 0 if it is damaged.
[[nodiscard]] std::uint64_t number_in(std::string_view key, std::string_view value);

}  // namespace dictsqlite::kill_loop
