// Goal: the library's lock-free structures keep their promises in every execution that C++20 allows, not only in those
// of this machine. Method: the real templates over checked atomics; each scenario is run in all ways within its bounds,
// and at random beyond them. A failure prints its steps, and a name that replays it:
//
//     DICTSQLITE_MODEL_REPLAY="12>2 15~1" model_atomics_test --gtest_filter='*/ringclosed'
//
// That the scenarios can fail is shown by orderings_test.cpp.
#include "model/checker/explorer.hpp"
#include "model/scenarios.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace dictsqlite::checker {
namespace {

using testing_support::scaled;

std::vector<Study> all_studies() {
  std::vector<Study> studies;
  for (const auto& group : {&ring_studies, &hand_over_studies, &batch_gate_studies, &reclaimer_studies, &table_studies,
                            &slab_studies, &handle_count_studies}) {
    for (const Study& study : group()) studies.push_back(study);
  }
  return studies;
}

class Atomics : public testing::TestWithParam<Study> {};

TEST_P(Atomics, KeepTheirPromisesInEveryExecution) {
  const Study& study = GetParam();
  Explorer explorer(study.scenario);
  if (const char* const name = std::getenv("DICTSQLITE_MODEL_REPLAY")) {
    const Outcome outcome = explorer.replay(name);
    ASSERT_EQ(outcome.violation, "") << outcome.trail;
    return;
  }
  const Outcome outcome = explorer.explore(study.bounds, scaled(3'000'000));
  std::printf("             %zu executions%s\n", outcome.executions, outcome.is_complete ? "" : ", not all");
  EXPECT_EQ(outcome.violation, "") << outcome.trail;
  const Outcome random = explorer.wander(scaled(2'000), 1);
  EXPECT_EQ(random.violation, "") << random.trail;
}

INSTANTIATE_TEST_SUITE_P(All, Atomics, testing::ValuesIn(all_studies()), [](const auto& study) {
  std::string name;
  for (const char c : study.param.scenario.name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
  }
  return name;
});

}  // namespace
}  // namespace dictsqlite::checker
