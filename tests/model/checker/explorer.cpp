#include "model/checker/explorer.hpp"

#include "base/assert.hpp"

#include <new>
#include <utility>
#include <vector>

namespace dictsqlite::checker {

namespace {

constexpr std::size_t kRestartsMax = 500;

// Worlds that were left in the middle of an execution: they cannot be destroyed, and leak checkers shall not call them
// lost.
std::vector<void*>& abandoned_worlds() {
  static std::vector<void*> worlds;
  return worlds;
}

}  // namespace

Explorer::Explorer(const Scenario& scenario) : scenario_(scenario), execution_(std::make_unique<Execution>()) {}

Explorer::~Explorer() {
  if (world_ != nullptr) ::operator delete(world_, std::align_val_t{scenario_.alignment});
}

void* Explorer::world() {
  if (world_ == nullptr) world_ = ::operator new(scenario_.bytes, std::align_val_t{scenario_.alignment});
  return world_;
}

Outcome Explorer::explore(const Bounds& bounds, std::size_t executions_max, std::span<const Weakening> weakenings) {
  execution_->set_bounds(bounds);
  execution_->set_weakenings(weakenings);
  Decisions decisions;
  Outcome outcome;
  run_all(decisions, executions_max, outcome);
  return outcome;
}

Outcome Explorer::wander(std::size_t executions, std::uint64_t stream, std::span<const Weakening> weakenings) {
  execution_->set_weakenings(weakenings);
  Decisions decisions{testing_support::Random(stream)};
  Outcome outcome;
  run_all(decisions, executions, outcome);
  return outcome;
}

Outcome Explorer::replay(const std::string& name, std::span<const Weakening> weakenings) {
  execution_->set_weakenings(weakenings);
  Outcome outcome;
  outcome.executions = 1;
  outcome.name = name;
  explain(outcome);
  return outcome;
}

void Explorer::run_all(Decisions& decisions, std::size_t executions_max, Outcome& outcome) {
  std::size_t restarts = 0;
  while (outcome.executions < executions_max) {
    ++outcome.executions;
    if (!execution_->run(scenario_, world(), decisions, contended_)) {
      abandoned_worlds().push_back(std::exchange(world_, nullptr));
      outcome.name = decisions.name();
      outcome.is_complete = true;
      const std::string violation = execution_->violation();
      explain(outcome);
      DICTSQLITE_ASSERT(outcome.violation == violation, "an execution's name replays it");
      return;
    }
    if (!execution_->newly_contended().empty() || decisions.has_strayed()) {
      // There are more steps that matter than was known, or a mapping lies elsewhere than before: begin anew with what
      // is known now.
      DICTSQLITE_ASSERT(++restarts <= kRestartsMax, "a scenario is deterministic");
      for (const void* const identity : execution_->newly_contended()) contended_.insert(identity);
      decisions.restart();
      continue;
    }
    if (!decisions.next()) {
      outcome.is_complete = true;
      return;
    }
  }
}

// Runs the execution of this name once more, and writes its steps down.
void Explorer::explain(Outcome& outcome) {
  Decisions decisions(outcome.name);
  execution_->set_tracing(true);
  // Where its threads meet is not part of its name: every step may be one at which the turn goes on.
  if (execution_->run(scenario_, world(), decisions, contended_)) {
    outcome.violation = "";
  } else {
    abandoned_worlds().push_back(std::exchange(world_, nullptr));
    outcome.violation = execution_->violation();
  }
  execution_->set_tracing(false);
  outcome.trail = scenario_.name;
  outcome.trail += ": " + outcome.violation + "\n" + execution_->trail() + "  replay: \"" + outcome.name + "\"\n";
}

}  // namespace dictsqlite::checker
