// Weakenings: for every site that scenarios pass, each order that is a little weaker than what it asks for, and whether
// some scenario shows it.
//
// Thread-safety: none.
#pragma once

#include "model/checker/explorer.hpp"
#include "model/checker/site.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::checker {

/// A scenario and how far its executions go.
struct Study {
  Scenario scenario;
  Bounds bounds;
};

/// The orders just below this one, for such an access: seq_cst gives way to acquire and release, these to relaxed.
[[nodiscard]] std::vector<std::memory_order> orders_below(Operation operation, std::memory_order order);

struct Trial {
  std::string name;        // "ring/write_ring.hpp publish store 1: seq_cst to release"
  std::string scenario;    // that showed it; empty: none
  std::string violation;   // what it showed
  std::size_t executions;  // that it took
  Weakening weakening;
};

class Weakenings {
 public:
  /// The sites of sources whose path begins with `files` are tried.
  explicit Weakenings(std::string files) : files_(std::move(files)) {}

  /// Runs the scenario as it is, to learn its sites. At most so many executions, within small bounds.
  void add(const Study& study, std::size_t executions_max);
  /// Tries every weakening in every scenario that passes the site, until one shows it. What none shows is weakened
  /// further. `executions_max`: for one weakening in one scenario.
  [[nodiscard]] std::vector<Trial> try_all(std::size_t executions_max);
  /// Tries several at once, as the one called `name`.
  [[nodiscard]] Trial try_together(std::string name, std::span<const Weakening> weakenings, std::size_t executions_max);

 private:
  struct Subject {
    Study study;
    std::unique_ptr<Explorer> explorer;
  };

  void try_below(const Place& place, const Site& site, const std::string& name, bool of_failure,
                 std::memory_order order, std::size_t executions_max, std::vector<Trial>& trials);

  const std::string files_;
  std::vector<Subject> subjects_;
};

}  // namespace dictsqlite::checker
