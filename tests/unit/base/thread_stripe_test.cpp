// Goal: a thread keeps its stripe, and threads that live at the same time mostly have different ones. Method: threads
// that note theirs while all of them live.
#include "base/thread_stripe.hpp"

#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <thread>

namespace dictsqlite::base {
namespace {

using testing_support::StartLine;

constexpr std::size_t kThreads = 32;

std::array<std::uint32_t, kThreads> stripes_of_threads_at_once() {
  std::array<std::uint32_t, kThreads> stripes{};
  StartLine line(kThreads);
  std::array<std::thread, kThreads> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads[thread] = std::thread([&, thread] {
      stripes[thread] = thread_stripe();
      line.arrive();  // nobody ends, and leaves its place to another, before all have looked
      EXPECT_EQ(thread_stripe(), stripes[thread]) << "the stripe of a thread never changes";
    });
  }
  for (std::thread& thread : threads) thread.join();
  return stripes;
}

TEST(ThreadStripe, HasTwentyFourBits) {
  EXPECT_LT(thread_stripe(), 1u << 24);
  for (const std::uint32_t stripe : stripes_of_threads_at_once()) EXPECT_LT(stripe, 1u << 24);
}

TEST(ThreadStripe, DiffersBetweenMostThreads) {
  const auto stripes = stripes_of_threads_at_once();
  EXPECT_GT(std::set<std::uint32_t>(stripes.begin(), stripes.end()).size(), kThreads / 2);
}

// The users take the remainder by a small number: if its low bits were all the same, all would meet on one stripe.
TEST(ThreadStripe, SpreadsThreadsOverFewStripesToo) {
  std::set<std::uint32_t> places;
  for (const std::uint32_t stripe : stripes_of_threads_at_once()) places.insert(stripe % 8);
  EXPECT_GT(places.size(), 2u);
}

}  // namespace
}  // namespace dictsqlite::base
