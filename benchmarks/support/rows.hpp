// The rows that every benchmark writes and reads: keys of 16 bytes in random order, values of 100 incompressible
// bytes that change with every write. Writing the same bytes again would cost SQLite nothing: it compares.
//
// Thread-safety: const members from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {

inline constexpr std::size_t kKeyBytes = 16;
inline constexpr std::size_t kValueBytes = 100;

/// A bijection that scatters: the finalizer of splitmix64 (S. Vigna). Different inputs give different outputs.
[[nodiscard]] constexpr std::uint64_t scatter(std::uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

/// Small generator for places in a table; one per thread, seeded differently. Consecutive seeds are far apart.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(scatter(seed + 1) | 1) {}
  [[nodiscard]] std::uint64_t next() noexcept {
    state_ = state_ * 0xD1342543DE82EF95 + 1;
    return scatter(state_);
  }
  /// Below `bound`, which is far below 2^32.
  [[nodiscard]] std::size_t below(std::size_t bound) noexcept { return (next() >> 32) * bound >> 32; }

 private:
  std::uint64_t state_;
};

/// Distinct keys, hex digits; consecutive ones are scattered over the key space.
class Keys {
 public:
  explicit Keys(std::size_t count, std::uint64_t first = 0);

  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
    return {keys_[index].data(), kKeyBytes};
  }

  using Bytes = std::array<char, kKeyBytes>;
  [[nodiscard]] static Bytes make(std::uint64_t index) noexcept;

 private:
  std::vector<Bytes> keys_;
};

/// Values without the cost of making them: windows of a pool of random bytes that fits a second-level cache.
class Values {
 public:
  Values();
  /// The value of the write with this number.
  [[nodiscard]] std::string_view operator[](std::uint64_t number) const noexcept {
    return {pool_.data() + scatter(number) % (kPoolBytes - kValueBytes), kValueBytes};
  }

 private:
  static constexpr std::size_t kPoolBytes = 512u << 10;
  std::vector<char> pool_;
};

}  // namespace dictsqlite::bench
