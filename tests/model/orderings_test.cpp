// Goal: every memory order stronger than relaxed is there for a reason that shows. Method: at each site that the
// scenarios pass, the order is weakened by one step, and some scenario must then break; what none breaks is weakened
// further. What stays in spite of that is listed here with the reason. The list is exact: what is listed and does
// break something, or is not listed and does not, fails the test.
#include "model/checker/weakenings.hpp"
#include "model/scenarios.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::checker {
namespace {

using testing_support::scaled;

// A weakening that no scenario shows, or all of a site: the beginning of its name.
struct Kept {
  std::string_view trials;
  std::string_view reason;
};

void expect_each_is_needed(const std::string& files, const std::vector<Study>& studies, std::size_t executions_max,
                           const std::vector<Kept>& kept) {
  Weakenings weakenings(files);
  for (const Study& study : studies) weakenings.add(study, executions_max);
  const std::vector<Trial> trials = weakenings.try_all(executions_max);
  std::size_t found = 0;
  for (const Trial& trial : trials) {
    const auto keeps = [&](const Kept& one) { return trial.name.starts_with(one.trials); };
    const bool is_kept = std::any_of(kept.begin(), kept.end(), keeps);
    const bool is_found = !trial.scenario.empty();
    if (is_found) ++found;
    std::printf("  %-72s %s\n", trial.name.c_str(), is_found ? trial.scenario.c_str() : "kept");
    EXPECT_TRUE(is_found || is_kept) << trial.name << ": no scenario needs it, in " << trial.executions
                                     << " executions";
    EXPECT_FALSE(is_found && is_kept) << trial.name << ": " << trial.scenario << ": " << trial.violation;
  }
  for (const Kept& one : kept) {
    const auto belongs = [&](const Trial& trial) { return trial.name.starts_with(one.trials); };
    EXPECT_TRUE(std::any_of(trials.begin(), trials.end(), belongs)) << one.trials << ": there is no such site";
  }
  std::printf("  weakened orderings found %zu/%zu\n", found, trials.size());
}

std::vector<Study> all_of(std::initializer_list<std::vector<Study>> groups) {
  std::vector<Study> studies;
  for (const std::vector<Study>& group : groups) studies.insert(studies.end(), group.begin(), group.end());
  return studies;
}

TEST(Orderings, OfRingDoorbellFlagStackQueueAndGateAreNeeded) {
  expect_each_is_needed("src/", all_of({ring_studies(), hand_over_studies(), batch_gate_studies()}), scaled(50'000),
                        {});
}

TEST(Orderings, OfTheReclaimerAreNeeded) {
  expect_each_is_needed(
      "src/cache/reclaimer.hpp", reclaimer_studies(), scaled(50'000),
      {{"cache/reclaimer.hpp enter load 1: acquire to relaxed",
        "only a load that is carried out after a later access (load buffering) breaks it, which is not modelled"}});
}

TEST(Orderings, OfTheTableAreNeeded) {
  expect_each_is_needed("src/cache/table.hpp", table_studies(), scaled(4'000), {});
}

TEST(Orderings, OfTheOverflowChainAreNeeded) {
  expect_each_is_needed("src/cache/overflow_chain.hpp", table_studies(), scaled(4'000), {});
}

}  // namespace
}  // namespace dictsqlite::checker
