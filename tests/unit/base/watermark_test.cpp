// Goal: a watermark only rises, for every reader, and what it stands for is there when it is read (M1). Method: calls
// one after the other; one writer beside several readers; a death test for a mark that would fall.
#include "base/watermark.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

namespace dictsqlite::base {
namespace {

using testing_support::scaled;
using testing_support::StartLine;

TEST(Watermark, BeginsAtZeroAndRises) {
  Watermark mark;
  EXPECT_EQ(mark.value(), 0u);
  mark.raise(1);
  EXPECT_EQ(mark.value(), 1u);
  mark.raise(~std::uint64_t{0});
  EXPECT_EQ(mark.value(), ~std::uint64_t{0});
}

TEST(Watermark, MayBeRaisedToWhereItIs) {
  Watermark mark;
  mark.raise(0);
  mark.raise(7);
  mark.raise(7);
  EXPECT_EQ(mark.value(), 7u);
}

TEST(Watermark, RisesForEveryReaderAndBringsWhatItStandsFor) {
  constexpr std::size_t kReaders = 3;
  const std::uint64_t last = scaled(200'000);
  Watermark mark;
  std::vector<std::uint64_t> done(last + 1);  // written before the mark is raised, read without an atomic
  StartLine start(kReaders + 1);
  std::array<std::thread, kReaders> readers;
  for (std::thread& reader : readers) {
    reader = std::thread([&] {
      start.arrive();
      for (std::uint64_t seen = 0; seen < last;) {
        const std::uint64_t value = mark.value();
        ASSERT_GE(value, seen) << "the mark fell";
        ASSERT_EQ(done[value], value) << "the mark came before what it stands for";
        seen = value;
      }
    });
  }
  start.arrive();
  for (std::uint64_t value = 1; value <= last; ++value) {
    done[value] = value;
    mark.raise(value);
  }
  for (std::thread& reader : readers) reader.join();
}

TEST(WatermarkDeathTest, ThatWouldFallAborts) {
  Watermark mark;
  mark.raise(2);
  EXPECT_DEATH(mark.raise(1), "a watermark only rises");
}

}  // namespace
}  // namespace dictsqlite::base
