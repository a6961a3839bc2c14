#include "journal/checksum.hpp"

#include <xxhash.h>

#ifndef XXH_INLINE_ALL
#error "the build defines it, so that all of xxHash is inside this file and nothing of it in what users link"
#endif

namespace dictsqlite::journal {

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace dictsqlite::journal
