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
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::checker {
namespace {

using testing_support::scaled;

// A weakening that no scenario shows, or all of a site: the beginning of its name.
struct Kept {
  std::string_view trials;
  std::string_view reason;
};

// Those that are kept for this reason make up for each other: with all of them as weak as each may be alone, some
// scenario must break.
void expect_they_are_needed(std::string_view reason, Weakenings& weakenings, const std::vector<Trial>& trials,
                            std::size_t executions_max, const std::vector<Kept>& kept) {
  std::map<std::pair<Place, bool>, Weakening> weakest;
  for (const Trial& trial : trials) {
    const auto keeps = [&](const Kept& one) { return one.reason == reason && trial.name.starts_with(one.trials); };
    if (!trial.scenario.empty() || std::none_of(kept.begin(), kept.end(), keeps)) continue;
    // What is weaker comes later.
    weakest.insert_or_assign({trial.weakening.place, trial.weakening.of_failure}, trial.weakening);
  }
  std::vector<Weakening> all;
  for (const auto& [site, weakening] : weakest) all.push_back(weakening);
  EXPECT_GT(all.size(), 1u) << reason;
  const Trial trial = weakenings.try_together(std::string(reason), all, executions_max);
  std::printf("  %zu together, \"%s\": %s\n", all.size(), trial.name.c_str(), trial.scenario.c_str());
  EXPECT_FALSE(trial.scenario.empty()) << reason;
}

void expect_each_is_needed(const std::string& files, const std::vector<Study>& studies, std::size_t executions_max,
                           const std::vector<Kept>& kept, std::string_view needed_together = {}) {
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
  if (!needed_together.empty()) {
    expect_they_are_needed(needed_together, weakenings, trials, executions_max, kept);
  }
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
        "only a load that is carried out after a later access (load buffering) breaks it, which is not modelled"},
       {"cache/reclaimer.hpp collect store 1: release to relaxed",
        "hands on a plain member, old_, which is not modelled; and collect() leaves nothing in it"}});
}

// The table is written for one order of all its accesses. What the scenarios show to be needed is that what is taken
// out is not freed under a look (G2) (G3), and that what is found is whole. Of the rest, each is made up for by others,
// so that one that is weaker alone breaks nothing. (Placing: not one of its orders, but all.)
constexpr char kValidated[] = "what is stale makes the compare-exchange fail that follows, or another one's";
constexpr char kReadBefore[] = "the thread has read a value as new under the same guard";
constexpr char kPlacedTwice[] = "placing is ordered twice, by itself and by the version that it raises";
constexpr char kReleased[] = "who took out what a reader misses released the version with it";
constexpr char kTooFar[] = "takes three threads and three preemptions: more than is run here";

TEST(Orderings, OfTheTableAreNeededOrMadeUpFor) {
  expect_each_is_needed("src/cache/table.hpp", table_studies(), scaled(4'000),
                        {{"cache/table.hpp fill load 1", kValidated},
                         {"cache/table.hpp remove load 1", kValidated},
                         {"cache/table.hpp holds load 1", kValidated},
                         {"cache/table.hpp search load 3", kReleased},
                         {"cache/table.hpp still_there load 1", kReleased},
                         {"cache/table.hpp still_there load 2", kReleased},
                         {"cache/table.hpp place load 1: seq_cst to acquire", kReadBefore},
                         {"cache/table.hpp place compare 1: seq_cst to acq_rel", kPlacedTwice},
                         {"cache/table.hpp place compare 1: acq_rel to release", kPlacedTwice},
                         {"cache/table.hpp place compare 2: seq_cst to acq_rel", kPlacedTwice},
                         {"cache/table.hpp place compare 2: acq_rel to release", kPlacedTwice},
                         {"cache/table.hpp raise_version modify 1", kPlacedTwice},
                         {"cache/table.hpp dedupe load 1: seq_cst to acquire", kReadBefore},
                         {"cache/table.hpp dedupe load 2: seq_cst to acquire", kPlacedTwice},
                         {"cache/table.hpp dedupe load 3", kPlacedTwice},
                         {"cache/table.hpp dedupe compare 1", kTooFar}},
                        kPlacedTwice);
}

TEST(Orderings, OfTheOverflowChainAreNeededOrMadeUpFor) {
  expect_each_is_needed("src/cache/overflow_chain.hpp", table_studies(), scaled(4'000),
                        {{"cache/overflow_chain.hpp push load 1", kValidated},
                         {"cache/overflow_chain.hpp push store 1", "published by the compare-exchange that follows"},
                         {"cache/overflow_chain.hpp push compare 1: seq_cst to acq_rel", kPlacedTwice},
                         {"cache/overflow_chain.hpp push compare 1: acq_rel to release", kPlacedTwice},
                         {"cache/overflow_chain.hpp holds load 1: seq_cst to acquire", kReadBefore},
                         {"cache/overflow_chain.hpp remove modify 1", "unlinking, which follows, is ordered as well"},
                         {"cache/overflow_chain.hpp try_unlink_removed load 1: seq_cst to acquire", kReadBefore},
                         {"cache/overflow_chain.hpp try_unlink_removed load 2", kReadBefore}});
}

}  // namespace
}  // namespace dictsqlite::checker
