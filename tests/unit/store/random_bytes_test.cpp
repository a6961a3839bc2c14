// Goal: bytes are by chance also where SQLite's own are not, and SQLite gets the room it writes to in that case.
// Method: a VFS that draws as SQLite's does, without /dev/urandom and with one that cannot be read.
#include "store/random_bytes.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace dictsqlite::store {
namespace {

constexpr int kTimeAndProcess = 12;  // bytes

using Bytes = std::array<char, 16>;

Bytes draw(int (*randomness)(sqlite3_vfs*, int, char*)) {
  sqlite3_vfs vfs{};
  vfs.xRandomness = randomness;
  Bytes bytes{};
  draw_random(vfs, bytes);
  return bytes;
}

TEST(RandomBytes, AreWhatTheVfsDraws) {
  const Bytes bytes = draw([](sqlite3_vfs*, int count, char* out) {
    std::memset(out, 'r', static_cast<std::size_t>(count));
    return count;
  });
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 'r'), 16);
}

TEST(RandomBytes, AreByChanceWhereTheVfsKnowsTheTimeAlone) {
  const auto by_time = [](sqlite3_vfs*, int count, char* out) {
    EXPECT_GE(count, kTimeAndProcess) << "it is written whatever was asked for";
    std::memset(out, 't', kTimeAndProcess);
    return kTimeAndProcess;
  };
  const Bytes first = draw(by_time);
  EXPECT_NE(first, draw(by_time));
  EXPECT_LT(std::count(first.begin(), first.end(), 't'), kTimeAndProcess);
}

TEST(RandomBytes, AreByChanceWhereTheVfsCouldNotReadAny) {
  const auto unread = [](sqlite3_vfs*, int count, char*) { return count; };
  EXPECT_NE(draw(unread), draw(unread));
}

}  // namespace
}  // namespace dictsqlite::store
