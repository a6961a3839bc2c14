#include "journal/checksum.hpp"

#include <xxhash.h>

#if XXH_VERSION_NUMBER < 800
#error "XXH3's values are fixed since xxHash 0.8.0"
#endif
#ifndef XXH_INLINE_ALL
#error "the build defines it, so that all of xxHash is inside this file and nothing of it in what users link"
#endif

namespace dictsqlite::journal {

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace dictsqlite::journal
