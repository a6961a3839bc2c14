// Pump: the test's side of a simulation. Whatever resumes on its executor does so here, between the turns of the
// others.
#pragma once

#include <dictsqlite/executor.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>

#include "support/simulation.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

/// Thread-safety: none, the test's thread. Ownership: outlives everything that was given its executor.
class Pump {
 public:
  explicit Pump(Simulation& simulation) : simulation_(simulation) {}

  [[nodiscard]] Executor executor() noexcept { return executor_.executor(); }

  /// Goes on until `done()`. Ends the process with a sentence when nothing has come for so long that nothing will: that
  /// the test looks every so often hides from the simulation that everybody else waits for ever.
  template <class Done>
  void run_until(Done&& done) {
    constexpr base::Nanoseconds kLook = std::chrono::microseconds(10);
    constexpr base::Nanoseconds kIdleMax = std::chrono::seconds(10);
    base::Nanoseconds idle{0};
    while (!done()) {
      const bool ran = executor_.poll(1, std::chrono::nanoseconds(0)) != 0;
      idle = ran ? base::Nanoseconds{0} : idle + kLook;
      if (idle > kIdleMax) {
        std::fputs("pump: nothing comes for ten simulated seconds: a wake-up was lost\n", stderr);
        std::abort();
      }
      if (!ran) simulation_.sleep(kLook);
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
