// Goal: a table may have any number of buckets, and keys are spread evenly over them. Method: hashes at the bounds
// between buckets, and those of many keys.
#include "cache/bucket_array.hpp"

#include "base/hash.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using BucketArray = BasicBucketArray<>;

TEST(BucketArray, HasAsManyBucketsAsWereAskedForAndAtLeastTwo) {
  for (const std::size_t count : {std::size_t{2}, std::size_t{3}, std::size_t{1000}, std::size_t{190'650}}) {
    const BucketArray buckets(count);
    ASSERT_TRUE(buckets.valid());
    EXPECT_EQ(buckets.size(), count);
  }
  EXPECT_EQ(BucketArray(0).size(), 2u);
}

TEST(BucketArray, GoesRound) {
  const BucketArray buckets(3);
  for (std::size_t index = 0; index < 3; ++index) EXPECT_EQ(&buckets[index + 3000], &buckets[index]);
}

TEST(BucketArray, PartsTheRangeOfTheHighHalfOfHashesEvenly) {
  const BucketArray buckets(3);
  constexpr std::uint64_t kThird = (std::uint64_t{1} << 32) / 3;
  constexpr std::uint64_t kLowHalf = 0xFFFFFFFF;
  EXPECT_EQ(&buckets.of(0), &buckets[0]);
  EXPECT_EQ(&buckets.of(kThird << 32 | kLowHalf), &buckets[0]);
  EXPECT_EQ(&buckets.of((kThird + 1) << 32), &buckets[1]);
  EXPECT_EQ(&buckets.of(2 * kThird << 32 | kLowHalf), &buckets[1]);
  EXPECT_EQ(&buckets.of((2 * kThird + 1) << 32), &buckets[2]);
  EXPECT_EQ(&buckets.of(~std::uint64_t{0}), &buckets[2]);
}

TEST(BucketArray, SpreadsKeysEvenly) {
  constexpr std::size_t kBuckets = 7;
  constexpr std::size_t kKeysEach = 1'000;
  const BucketArray buckets(kBuckets);
  std::vector<std::size_t> keys(kBuckets);
  for (std::size_t number = 0; number < kBuckets * kKeysEach; ++number) {
    const std::uint64_t hash = base::hash_key(1, "key " + std::to_string(number));
    ++keys[static_cast<std::size_t>(&buckets.of(hash) - &buckets[0])];
  }
  for (const std::size_t count : keys) {
    // Eight times the standard deviation.
    EXPECT_GT(count, kKeysEach - 250);
    EXPECT_LT(count, kKeysEach + 250);
  }
}

}  // namespace
}  // namespace dictsqlite::cache
