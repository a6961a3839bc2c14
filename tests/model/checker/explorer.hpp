// Explorer: runs a scenario in every way within bounds, or at random beyond them, until something does not hold.
//
// Thread-safety: none. Ownership: owns the worlds; one that was abandoned at a violation is kept, and never used again.
#pragma once

#include "model/checker/execution.hpp"
#include "model/checker/scenario.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dictsqlite::checker {

struct Outcome {
  std::size_t executions = 0;
  bool is_complete = false;  // every execution within the bounds was run, or a violation was found
  std::string violation;     // empty: everything holds
  std::string name;          // of the execution with the violation; replays it
  std::string trail;         // its steps
};

class Explorer {
 public:
  explicit Explorer(const Scenario& scenario);
  ~Explorer();
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  [[nodiscard]] const Scenario& scenario() const noexcept { return scenario_; }

  /// Every execution within the bounds, at most so many.
  [[nodiscard]] Outcome explore(const Bounds& bounds, std::size_t executions_max,
                                std::span<const Weakening> weakenings = {});
  /// So many executions at random, without bounds.
  [[nodiscard]] Outcome wander(std::size_t executions, std::uint64_t stream,
                               std::span<const Weakening> weakenings = {});
  /// The one of this name.
  [[nodiscard]] Outcome replay(const std::string& name, std::span<const Weakening> weakenings = {});

  /// What executions pass from now on is noted in sites().
  void learn_sites() noexcept { execution_->set_sites(&sites_); }
  void stop_learning() noexcept { execution_->set_sites(nullptr); }
  [[nodiscard]] const Sites& sites() const noexcept { return sites_; }

 private:
  void run_all(Decisions& decisions, std::size_t executions_max, Outcome& outcome);
  void explain(Outcome& outcome);
  [[nodiscard]] void* world();

  const Scenario scenario_;
  std::unique_ptr<Execution> execution_;
  Contended contended_;
  Sites sites_;
  void* world_ = nullptr;  // memory, where nothing lives between executions
};

}  // namespace dictsqlite::checker
