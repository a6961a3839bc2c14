// Page population: brings pages of a mapped file that lie in the kernel's page cache into the process's page tables,
// and proves by it that touching them will not fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dictsqlite::store {

/// How many pages are populated together: a bit each in a word.
inline constexpr std::size_t kPopulatedTogether = 64;

/// Populates those of `pages` (at most kPopulatedTogether) pages from `start` on that are in the kernel's page cache,
/// in one piece around `wanted` with no gap. Returns a bit for each that can be touched from now on; 0 if `wanted`
/// would have to be read from the disk, if reading it fails, or if the kernel cannot tell (before Linux 5.14, or where
/// a sandbox refuses it).
///
/// `page_bytes` is a power of two. Costs two system calls, about 10 microseconds for 64 pages of 4 KiB.
using PopulatePages = std::uint64_t (*)(const std::byte* start, std::size_t page_bytes, std::size_t pages,
                                        std::size_t wanted) noexcept;
[[nodiscard]] std::uint64_t populate_pages(const std::byte* start, std::size_t page_bytes, std::size_t pages,
                                           std::size_t wanted) noexcept;

}  // namespace dictsqlite::store
