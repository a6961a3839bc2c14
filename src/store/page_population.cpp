#include "store/page_population.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>

namespace dictsqlite::store {

namespace {

// Since Linux 5.14. Unlike a touch it fails, instead of killing the process, where a page cannot be read.
#ifdef MADV_POPULATE_READ
constexpr int kPopulateRead = MADV_POPULATE_READ;
#else
constexpr int kPopulateRead = 22;
#endif

// The kernel's pages in one of ours, at most: 64 KiB in pages of 4 KiB.
constexpr std::size_t kPartsMax = 16;

constexpr std::uint64_t bit(std::size_t page) noexcept { return std::uint64_t{1} << page; }

}  // namespace

std::uint64_t populate_pages(const std::byte* start, std::size_t page_bytes, std::size_t pages,
                             std::size_t wanted) noexcept {
  static const auto kernel_page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t parts = page_bytes / kernel_page;
  if (parts == 0 || parts > kPartsMax) return 0;  // our pages would not be the kernel's to map
  void* const address = const_cast<std::byte*>(start);
  std::array<unsigned char, kPopulatedTogether * kPartsMax> cached;
  if (mincore(address, pages * page_bytes, cached.data()) != 0) return 0;
  const auto is_cached = [&](std::size_t page) noexcept {
    for (std::size_t part = 0; part < parts; ++part) {
      if ((cached[page * parts + part] & 1) == 0) return false;
    }
    return true;
  };
  if (!is_cached(wanted)) return 0;
  std::size_t first = wanted;
  std::size_t end = wanted + 1;
  while (first > 0 && is_cached(first - 1)) --first;
  while (end < pages && is_cached(end)) ++end;
  void* const piece = const_cast<std::byte*>(start + first * page_bytes);
  if (madvise(piece, (end - first) * page_bytes, kPopulateRead) != 0) return 0;
  std::uint64_t populated = 0;
  for (std::size_t page = first; page < end; ++page) populated |= bit(page);
  return populated;
}

}  // namespace dictsqlite::store
