#include "store/random_bytes.hpp"

#include "base/assert.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>

namespace dictsqlite::store {

void draw_random(sqlite3_vfs& vfs, std::span<char> out) noexcept {
  DICTSQLITE_ASSERT(out.size() <= kRandomBytesMax, "nobody needs more");
  std::array<char, kRandomBytesMax> drawn{};
  const int count = vfs.xRandomness(&vfs, static_cast<int>(drawn.size()), drawn.data());
  // A read of /dev/urandom that fails leaves zeros.
  const bool is_by_chance = count == static_cast<int>(drawn.size()) &&
                            std::any_of(drawn.begin(), drawn.end(), [](char byte) { return byte != 0; });
  if (!is_by_chance) {
    std::array<char, kRandomBytesMax> kernels{};
    if (::getrandom(kernels.data(), kernels.size(), GRND_NONBLOCK) == static_cast<ssize_t>(kernels.size())) {
      drawn = kernels;
    }
  }
  std::copy_n(drawn.begin(), out.size(), out.begin());
}

}  // namespace dictsqlite::store
