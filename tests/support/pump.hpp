// Pump: the test's side of a simulation. Whatever resumes on its executor does so here, between the turns of the
// others.
#pragma once

#include <dictsqlite/executor.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>

#include "support/simulation.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

/// Thread-safety: none, the test's thread. Ownership: outlives everything that was given its executor.
class Pump {
 public:
  explicit Pump(Simulation& simulation) : simulation_(simulation) {}

  [[nodiscard]] Executor executor() noexcept { return executor_.executor(); }

  /// Goes on until `done()`.
  template <class Done>
  void run_until(Done&& done) {
    while (!done()) {
      if (executor_.poll(1, std::chrono::nanoseconds(0)) == 0) simulation_.sleep(std::chrono::microseconds(10));
    }
  }
  template <class Operation>
  typename Operation::Result wait_for(Operation operation) {
    std::optional<typename Operation::Result> result;
    std::move(operation).start(
        [&](typename Operation::Result outcome) noexcept { result.emplace(std::move(outcome)); });
    run_until([&] { return result.has_value(); });
    return *std::move(result);
  }
  void run_all(std::vector<Task<void>> tasks) {
    TaskScope scope;
    for (Task<void>& task : tasks) scope.spawn(executor(), std::move(task));
    run_until([&] { return scope.running() == 0; });
    scope.join();
  }

 private:
  Simulation& simulation_;
  ManualExecutor executor_;
};

}  // namespace dictsqlite::testing_support
