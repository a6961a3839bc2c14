// Goal: a prefix becomes the range of exactly the keys that begin with it; contradictions are noticed. Method: ranges
// of awkward prefixes, compared with starts_with() over awkward keys.
#include "database/scan_range.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dictsqlite::detail {
namespace {

TEST(ScanRange, IsWhatWasAskedForWithoutAPrefix) {
  ScanOptions options;
  options.from = "b";
  options.to = "d";
  const auto range = scan_range(options);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->from, "b");
  EXPECT_EQ(range->to, "d");
}

TEST(ScanRange, APrefixAndARangeContradictEachOther) {
  ScanOptions options;
  options.prefix = "a";
  options.from = "b";
  EXPECT_EQ(scan_range(options), std::nullopt);
  options.from.clear();
  options.to = "b";
  EXPECT_EQ(scan_range(options), std::nullopt);
}

TEST(ScanRange, OfAPrefixHoldsTheKeysThatBeginWithItAndNoOther) {
  const std::vector<std::string> parts = {"", std::string(1, '\0'), "a", "b", "\x7f", "\x80", "\xfe", "\xff"};
  std::vector<std::string> keys;
  for (const std::string& a : parts) {
    for (const std::string& b : parts) {
      for (const std::string& c : parts) keys.push_back(a + b + c);
    }
  }
  for (const std::string& prefix : keys) {
    if (prefix.empty()) continue;
    ScanOptions options;
    options.prefix = prefix;
    const auto range = scan_range(options);
    ASSERT_TRUE(range.has_value());
    for (const std::string& key : keys) {
      const bool inside = key >= range->from && (range->to.empty() || key < range->to);
      ASSERT_EQ(inside, key.starts_with(prefix)) << testing::PrintToString(prefix) << testing::PrintToString(key);
    }
  }
}

}  // namespace
}  // namespace dictsqlite::detail
