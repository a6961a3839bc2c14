#include "support/rows.hpp"

namespace dictsqlite::bench {

Keys::Bytes Keys::make(std::uint64_t index) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t bits = scatter(index + 0x9E3779B97F4A7C15);
  Bytes key{};
  for (char& digit : key) {
    digit = kDigits[bits & 15];
    bits >>= 4;
  }
  return key;
}

Keys::Keys(std::size_t count, std::uint64_t first) {
  keys_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) keys_.push_back(make(first + i));
}

Values::Values() {
  pool_.reserve(kPoolBytes);
  Random random(7);
  while (pool_.size() < kPoolBytes) pool_.push_back(static_cast<char>(random.next() >> 40));
}

}  // namespace dictsqlite::bench
