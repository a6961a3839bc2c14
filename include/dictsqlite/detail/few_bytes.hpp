/// \file
/// Copying and comparing few bytes without a call, which costs more than short keys and values do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace dictsqlite::detail {

/// What copy_few() copies best.
inline constexpr std::size_t kFewBytes = 128;

template <std::size_t kBytes>
inline void copy_at(char* to, const char* from, std::size_t at) noexcept {
  std::memcpy(to + at, from + at, kBytes);
}
// Nothing where kMax says that so much is never copied: a compiler would warn of it.
template <std::size_t kMax, std::size_t kAt>
inline void copy_16_if(char* to, const char* from) noexcept {
  if constexpr (kAt + 16 <= kMax) copy_at<16>(to, from, kAt);
}
// `count` times 16 bytes: a jump into a row of moves.
template <std::size_t kMax>
inline void copy_sixteens(char* to, const char* from, std::size_t count) noexcept {
  static_assert(kMax <= kFewBytes);
  switch (count) {
    case 8:
      copy_16_if<kMax, 112>(to, from);
      [[fallthrough]];
    case 7:
      copy_16_if<kMax, 96>(to, from);
      [[fallthrough]];
    case 6:
      copy_16_if<kMax, 80>(to, from);
      [[fallthrough]];
    case 5:
      copy_16_if<kMax, 64>(to, from);
      [[fallthrough]];
    case 4:
      copy_16_if<kMax, 48>(to, from);
      [[fallthrough]];
    case 3:
      copy_16_if<kMax, 32>(to, from);
      [[fallthrough]];
    case 2:
      copy_16_if<kMax, 16>(to, from);
      [[fallthrough]];
    case 1:
      copy_16_if<kMax, 0>(to, from);
      break;
    default:
      break;
  }
}

/// memcpy() of at most kMax. By moves that do not overlap: what is copied on at once is then read as it was written,
/// which a processor's store buffer hands on; parts of two stores it does not.
template <std::size_t kMax = kFewBytes>
inline void copy_few(char* to, const char* from, std::size_t bytes) noexcept {
  copy_sixteens<kMax>(to, from, bytes / 16);
  std::size_t at = bytes & ~std::size_t{15};
  if ((bytes & 8) != 0) {
    copy_at<8>(to, from, at);
    at += 8;
  }
  if ((bytes & 4) != 0) {
    copy_at<4>(to, from, at);
    at += 4;
  }
  if ((bytes & 2) != 0) {
    copy_at<2>(to, from, at);
    at += 2;
  }
  if ((bytes & 1) != 0) to[at] = from[at];
}

/// Copies `bytes`, at most kMax, in whole words of 8: `from` can be read up to the next multiple, and `to` has room for
/// kMax. What copy_all() then copies it finds as it was written.
template <std::size_t kMax>
inline void copy_padded(char* to, const char* from, std::size_t bytes) noexcept {
  static_assert(kMax % 16 == 8 && kMax < kFewBytes);
  const std::size_t words = (bytes + 7) / 8;
  if (words % 2 != 0) {
    const std::size_t at = (words - 1) * 8;
    if (words * 8 == kMax) {
      copy_at<8>(to, from, at);
    } else {
      char last[16] = {};
      std::memcpy(last, from + at, 8);
      std::memcpy(to + at, last, 16);
    }
  }
  copy_sixteens<kMax>(to, from, words / 2);
}
/// memcpy() of kBytes, in the moves of copy_padded().
template <std::size_t kBytes>
inline void copy_all(char* to, const char* from) noexcept {
  static_assert(kBytes % 16 == 8);
  for (std::size_t at = 0; at + 16 <= kBytes; at += 16) copy_at<16>(to, from, at);
  copy_at<8>(to, from, kBytes - 8);
}

/// memcpy() of any length that is short as a rule.
inline void copy_bytes(char* to, const char* from, std::size_t bytes) noexcept {
  if (bytes <= kFewBytes) return copy_few(to, from, bytes);
  std::memcpy(to, from, bytes);
}

template <class Word>
[[nodiscard]] inline bool equal_at_both_ends(const char* a, const char* b, std::size_t bytes) noexcept {
  Word a_head, a_tail, b_head, b_tail;
  std::memcpy(&a_head, a, sizeof(Word));
  std::memcpy(&a_tail, a + bytes - sizeof(Word), sizeof(Word));
  std::memcpy(&b_head, b, sizeof(Word));
  std::memcpy(&b_tail, b + bytes - sizeof(Word), sizeof(Word));
  return ((a_head ^ b_head) | (a_tail ^ b_tail)) == 0;
}

/// Whether memcmp() of as many bytes finds them equal; short as a rule.
[[nodiscard]] inline bool equal_bytes(const char* a, const char* b, std::size_t bytes) noexcept {
  if (bytes > 16) return std::memcmp(a, b, bytes) == 0;
  if (bytes >= 8) return equal_at_both_ends<std::uint64_t>(a, b, bytes);
  if (bytes >= 4) return equal_at_both_ends<std::uint32_t>(a, b, bytes);
  if (bytes >= 2) return equal_at_both_ends<std::uint16_t>(a, b, bytes);
  return bytes == 0 || *a == *b;
}

}  // namespace dictsqlite::detail
