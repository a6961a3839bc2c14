// Checksum of what is in the log. Which one, and why: docs/decisions/0013.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dictsqlite::journal {

/// A checksum of 64 bits over `bytes`. Equal on every machine; the value is part of the file's format.
/// Thread-safety: any thread.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace dictsqlite::journal
