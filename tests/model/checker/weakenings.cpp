#include "model/checker/weakenings.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace dictsqlite::checker {

std::vector<std::memory_order> orders_below(Operation operation, std::memory_order order) {
  using enum std::memory_order;
  const bool reads_and_writes = operation == Operation::kModify || operation == Operation::kCompareExchange;
  switch (order) {
    case seq_cst:
      if (reads_and_writes) return {acq_rel};
      if (operation == Operation::kFence) return {relaxed};  // none
      return {operation == Operation::kLoad ? acquire : release};
    case acq_rel:
      return {acquire, release};
    case acquire:
    case release:
    case consume:
      return {relaxed};
    case relaxed:
      break;
  }
  return {};
}

void Weakenings::add(const Study& study, std::size_t executions_max) {
  subjects_.push_back({study, std::make_unique<Explorer>(study.scenario)});
  Explorer& explorer = *subjects_.back().explorer;
  explorer.learn_sites();
  (void)explorer.explore({.preemptions = 2, .stale_accesses = 0}, executions_max);
  explorer.stop_learning();
}

std::vector<Trial> Weakenings::try_all(std::size_t executions_max) {
  Sites sites;
  for (const Subject& subject : subjects_) {
    for (const auto& [place, site] : subject.explorer->sites()) sites.emplace(place, site);
  }
  std::vector<Trial> trials;
  std::map<std::tuple<std::string_view, std::string, Operation>, std::size_t> numbers;
  for (const auto& [place, site] : sites) {
    if (!place.file.starts_with(files_)) continue;
    const std::size_t number = ++numbers[{place.file, site.function, site.operation}];
    std::string name(place.file.substr(place.file.find('/') + 1));
    name += " " + site.function + " ";
    name += name_of(site.operation);
    name += " " + std::to_string(number);
    try_below(place, site, name, false, site.orders.success, executions_max, trials);
    if (site.has_own_failure_order) {
      try_below(place, site, name + " failing", true, site.orders.failure, executions_max, trials);
    }
  }
  return trials;
}

void Weakenings::try_below(const Place& place, const Site& site, const std::string& name, bool of_failure,
                           std::memory_order order, std::size_t executions_max, std::vector<Trial>& trials) {
  for (const std::memory_order weaker : orders_below(of_failure ? Operation::kLoad : site.operation, order)) {
    std::string trial_name = name + ": ";
    trial_name += name_of(order);
    trial_name += " to ";
    trial_name += name_of(weaker);
    const auto is_there = [&](const Trial& trial) { return trial.name == trial_name; };
    if (std::any_of(trials.begin(), trials.end(), is_there)) continue;
    const Weakening weakening{place, of_failure, weaker};
    Trial trial = try_together(trial_name, {&weakening, 1}, executions_max);
    trial.weakening = weakening;
    const bool is_found = !trial.scenario.empty();
    trials.push_back(std::move(trial));
    if (!is_found) try_below(place, site, name, of_failure, weaker, executions_max, trials);
  }
}

Trial Weakenings::try_together(std::string name, std::span<const Weakening> weakenings, std::size_t executions_max) {
  Trial trial{};
  trial.name = std::move(name);
  for (std::size_t preemptions = 0;; ++preemptions) {  // small departures first
    bool goes_on = false;
    for (const Subject& subject : subjects_) {
      const Bounds& bounds = subject.study.bounds;
      const auto is_passed = [&](const Weakening& each) { return subject.explorer->sites().contains(each.place); };
      if (preemptions > bounds.preemptions || std::none_of(weakenings.begin(), weakenings.end(), is_passed)) continue;
      goes_on = true;
      const Outcome outcome = subject.explorer->explore(
          {.preemptions = preemptions, .stale_accesses = bounds.stale_accesses}, executions_max, weakenings);
      trial.executions += outcome.executions;
      if (outcome.violation.empty()) continue;
      trial.scenario = subject.study.scenario.name;
      trial.violation = outcome.violation;
      return trial;
    }
    if (!goes_on) return trial;
  }
}

}  // namespace dictsqlite::checker
