// Goal: every memory order stronger than relaxed is there for a reason that shows. Method: at each site that the
// scenarios pass, the order is weakened by one step, and some scenario must then break; what none breaks is weakened
// further, and fails the test.
#include "model/checker/weakenings.hpp"
#include "model/scenarios.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace dictsqlite::checker {
namespace {

using testing_support::scaled;

void expect_each_is_needed(const std::string& files, const std::vector<Study>& studies, std::size_t executions_max) {
  Weakenings weakenings(files);
  for (const Study& study : studies) weakenings.add(study, executions_max);
  const std::vector<Trial> trials = weakenings.try_all(executions_max);
  std::size_t found = 0;
  for (const Trial& trial : trials) {
    const bool is_found = !trial.scenario.empty();
    if (is_found) ++found;
    std::printf("  %-72s %s\n", trial.name.c_str(), is_found ? trial.scenario.c_str() : "not found");
    EXPECT_TRUE(is_found) << trial.name << ": no scenario needs it, in " << trial.executions << " executions";
  }
  EXPECT_FALSE(trials.empty());
  std::printf("  weakened orderings found %zu/%zu\n", found, trials.size());
}

std::vector<Study> all_of(std::initializer_list<std::vector<Study>> groups) {
  std::vector<Study> studies;
  for (const std::vector<Study>& group : groups) studies.insert(studies.end(), group.begin(), group.end());
  return studies;
}

TEST(Orderings, OfRingDoorbellFlagStackQueueAndGateAreNeeded) {
  expect_each_is_needed("src/", all_of({ring_studies(), hand_over_studies(), batch_gate_studies()}), scaled(50'000));
}

TEST(Orderings, OfTheReclaimerAreNeeded) {
  expect_each_is_needed("src/cache/reclaimer.hpp", reclaimer_studies(), scaled(50'000));
}

TEST(Orderings, OfTheReferencesAreNeeded) {
  expect_each_is_needed("src/entry/entry_pool.hpp", slab_studies(), scaled(50'000));
}

TEST(Orderings, OfTheHandleCountAreNeeded) {
  expect_each_is_needed("src/database/handle_count.hpp", handle_count_studies(), scaled(50'000));
}

TEST(Orderings, OfTheTableAreNeeded) {
  expect_each_is_needed("src/cache/table.hpp", table_studies(), scaled(1'000'000));
}

TEST(Orderings, OfTheEvictorAreNeeded) {
  expect_each_is_needed("src/cache/evictor.hpp", table_studies(), scaled(1'000'000));
}

TEST(Orderings, OfTheBucketAreNeeded) {
  expect_each_is_needed("src/cache/bucket.hpp", table_studies(), scaled(1'000'000));
}

TEST(Orderings, OfTheOverflowChainAreNeeded) {
  expect_each_is_needed("src/cache/overflow_chain.hpp", table_studies(), scaled(1'000'000));
}

}  // namespace
}  // namespace dictsqlite::checker
