// Goal: the hash depends on all of table and key and on nothing else, and its bits are worth using, those of either end
// too: the table takes buckets from them. Method: equal and nearly equal inputs; many small keys, counted.
#include "base/hash.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace dictsqlite::base {
namespace {

TEST(HashKey, IsTheSameForTheSameBytesWhereverTheyAre) {
  for (std::size_t size = 0; size <= 300; ++size) {
    const std::string key(size, 'k');
    const std::string elsewhere = "xxx" + key + "yyy";
    EXPECT_EQ(hash_key(1, key), hash_key(1, key)) << size;
    EXPECT_EQ(hash_key(1, key), hash_key(1, std::string_view(elsewhere).substr(3, size))) << size;
  }
}

TEST(HashKey, DiffersBetweenTables) {
  for (const char* const key : {"", "a", "a longer key than a register"}) {
    EXPECT_NE(hash_key(0, key), hash_key(1, key)) << key;
    EXPECT_NE(hash_key(1, key), hash_key(2, key)) << key;
  }
}

TEST(HashKey, DependsOnEveryByteAndOnTheLength) {
  for (const std::size_t size : {1u, 7u, 8u, 9u, 16u, 17u, 33u, 100u, 1100u}) {
    const std::string key(size, '\0');
    const std::uint64_t hash = hash_key(0, key);
    for (std::size_t index = 0; index < size; ++index) {
      std::string other = key;
      other[index] = 1;
      EXPECT_NE(hash_key(0, other), hash) << "byte " << index << " of " << size;
    }
    EXPECT_NE(hash_key(0, key + std::string(1, '\0')), hash) << size;
    EXPECT_NE(hash_key(0, key.substr(1)), hash) << size;
  }
}

TEST(HashKey, OfManySmallKeysNeverCollides) {
  constexpr std::uint32_t kTables = 4;
  constexpr int kKeys = 50'000;
  std::unordered_set<std::uint64_t> hashes;
  for (std::uint32_t table = 0; table < kTables; ++table) {
    for (int key = 0; key < kKeys; ++key) hashes.insert(hash_key(table, std::to_string(key)));
  }
  EXPECT_EQ(hashes.size(), kTables * kKeys);
}

// Binomial: each of 4096 places gets 100 of 409,600 keys, give or take 10; 60 away is nobody's luck.
TEST(HashKey, SpreadsSmallKeysByItsLowBitsAndByItsHighBits) {
  constexpr std::size_t kPlaces = 4096;
  constexpr int kMean = 100;
  std::vector<int> low(kPlaces);
  std::vector<int> high(kPlaces);
  for (std::size_t key = 0; key < kPlaces * kMean; ++key) {
    const std::uint64_t hash = hash_key(0, "player:" + std::to_string(key));
    ++low[hash % kPlaces];
    ++high[hash >> 52];
  }
  for (std::size_t place = 0; place < kPlaces; ++place) {
    EXPECT_NEAR(low[place], kMean, 60) << place;
    EXPECT_NEAR(high[place], kMean, 60) << place;
  }
}

}  // namespace
}  // namespace dictsqlite::base
