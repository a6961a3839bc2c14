// Goal: copies and comparisons of every length do what memcpy and memcmp do, and touch no byte beyond. Method: all
// lengths up to twice what is called few, between canaries; a difference at each place.
#include <dictsqlite/detail/few_bytes.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace dictsqlite::detail {
namespace {

constexpr std::size_t kLongest = 2 * kFewBytes;

std::string bytes_of(std::size_t length) {
  std::string bytes;
  for (std::size_t at = 0; at < length; ++at) bytes += static_cast<char>('a' + at % 23);
  return bytes;
}

using Copy = void (*)(char* to, const char* from, std::size_t bytes) noexcept;

void expect_copies(Copy copy, std::size_t longest) {
  for (std::size_t length = 0; length <= longest; ++length) {
    const std::string from = bytes_of(length);
    std::string to(length + 2, '#');
    copy(to.data() + 1, from.data(), length);
    EXPECT_EQ(to, "#" + from + "#") << length << " bytes";
  }
}

TEST(FewBytes, AreCopiedAtEveryLength) { expect_copies(&copy_few, kFewBytes); }

// Words of both sides are read and written whole; what is then copied is all of it.
TEST(FewBytes, AreCopiedByWholeWordsAtEveryLength) {
  constexpr std::size_t kMax = 104;
  for (std::size_t length = 0; length <= kMax; ++length) {
    const std::string from = bytes_of((length + 7) / 8 * 8);
    std::string to(kMax + 2, '#');
    copy_padded<kMax>(to.data() + 1, from.data(), length);
    EXPECT_EQ(to.substr(1, length), from.substr(0, length));
    EXPECT_EQ(to.front(), '#');
    EXPECT_EQ(to.back(), '#') << length << " bytes";
    std::string again(kMax + 2, '?');
    copy_all<kMax>(again.data() + 1, to.data() + 1);
    EXPECT_EQ(again, "?" + to.substr(1, kMax) + "?");
  }
}

TEST(FewBytes, AndMoreAreCopied) { expect_copies(&copy_bytes, kLongest); }

TEST(FewBytes, AreEqualOrDifferAtAnyPlace) {
  for (std::size_t length = 0; length <= kLongest; ++length) {
    const std::string bytes = bytes_of(length);
    std::string other = bytes;
    EXPECT_TRUE(equal_bytes(bytes.data(), other.data(), length)) << length << " bytes";
    for (char& byte : other) {
      byte = static_cast<char>(byte ^ 1);
      EXPECT_FALSE(equal_bytes(bytes.data(), other.data(), length)) << length << " bytes, at " << &byte - other.data();
      byte = static_cast<char>(byte ^ 1);
    }
  }
}

}  // namespace
}  // namespace dictsqlite::detail
