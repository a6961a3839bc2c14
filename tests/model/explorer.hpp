// Explorer: visits every state that a model can reach, breadth first, and stops at the first that the model calls a
// violation. Breadth first, so the trail it then prints is a shortest one.
//
// A model has
//   using State                                   trivially copyable, no padding, equal states equal bytes
//   State initial() const
//   for_each_step(const State&, visit)            visit(Step, const State& after) for every step possible
//   const char* violation(const State&)           nullptr, or what is wrong
//   bool finished(const State&)                   nothing is left to do
//   std::string describe(const State&, const Step&), std::string describe(const State&)
//
// Visited states are kept as 64-bit fingerprints. Two states may share one, and then one of them is not looked at:
// with 10^8 states the chance that this happens at all is below 1 in 3,000.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::model {

/// 64 well-mixed bits of a state's bytes; never 0.
template <class State>
std::uint64_t fingerprint(const State& state) {
  static_assert(sizeof(State) % 8 == 0);
  std::uint64_t words[sizeof(State) / 8];
  std::memcpy(words, &state, sizeof(State));
  std::uint64_t mixed = 0x9e3779b97f4a7c15;
  for (const std::uint64_t word : words) {
    mixed = (mixed ^ word) * 0xff51afd7ed558ccd;
    mixed ^= std::rotr(mixed, 29);
    mixed *= 0xc4ceb9fe1a85ec53;
    mixed ^= mixed >> 32;
  }
  return mixed == 0 ? 1 : mixed;
}

/// The fingerprints seen so far, and if wanted the order in which they came. Open addressing; grows by doubling.
class FingerprintMap {
 public:
  explicit FingerprintMap(bool with_indices) : keys_(1u << 16), values_(with_indices ? 1u << 16 : 0) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  void prefetch(std::uint64_t key) const { __builtin_prefetch(&keys_[key & (keys_.size() - 1)]); }

  /// The index of `key` (0 if indices are not wanted), and whether it is new.
  std::pair<std::uint32_t, bool> insert(std::uint64_t key) {
    if (size_ * 10 >= keys_.size() * 7) grow();
    const std::size_t place = place_of(key);
    const bool is_new = keys_[place] != key;
    if (is_new) {
      keys_[place] = key;
      if (!values_.empty()) values_[place] = static_cast<std::uint32_t>(size_);
      ++size_;
    }
    return {values_.empty() ? 0 : values_[place], is_new};
  }

 private:
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const {
    std::size_t place = key & (keys_.size() - 1);
    while (keys_[place] != 0 && keys_[place] != key) place = (place + 1) & (keys_.size() - 1);
    return place;
  }
  void grow() {
    std::vector<std::uint64_t> keys(keys_.size() * 2);
    std::vector<std::uint32_t> values(values_.empty() ? 0 : keys.size());
    keys.swap(keys_);
    values.swap(values_);
    for (std::size_t old = 0; old < keys.size(); ++old) {
      if (keys[old] == 0) continue;
      const std::size_t place = place_of(keys[old]);
      keys_[place] = keys[old];
      if (!values_.empty()) values_[place] = values[old];
    }
  }

  std::vector<std::uint64_t> keys_;  // 0: free
  std::vector<std::uint32_t> values_;
  std::size_t size_ = 0;
};

struct Exploration {
  std::size_t states = 0;
  std::size_t steps = 0;
  std::size_t depth = 0;
  bool complete = false;  // every reachable state was seen
  std::string violation;  // empty: none found
  std::string trail;      // how it came about, if asked for
};

struct ExploreOptions {
  std::size_t states_max = 400'000'000;
  bool keep_trail = false;      // remembers where each state came from
  bool check_progress = false;  // from every state, a finished one can be reached by steps that must happen
};

template <class Model>
class Explorer {
 public:
  using State = typename Model::State;
  using Step = typename Model::Step;

  Explorer(const Model& model, const ExploreOptions& options)
      : model_(model), options_(options), visited_(options.keep_trail || options.check_progress) {}

  Exploration run() {
    std::vector<Pending> frontier;
    std::vector<Pending> next;
    const State initial = model_.initial();
    visited_.insert(fingerprint(initial));
    if (options_.keep_trail) origins_.push_back({0, Step{}});
    frontier.push_back({initial, 0});
    for (; !frontier.empty() && result_.violation.empty(); ++result_.depth) {
      next.clear();
      for (const Pending& from : frontier) {
        if (!expand(from, next)) break;
      }
      frontier.swap(next);
      if (visited_.size() > options_.states_max) break;
    }
    result_.states = visited_.size();
    result_.complete = frontier.empty() && result_.violation.empty();
    if (result_.complete && options_.check_progress) check_progress();
    return std::move(result_);
  }

 private:
  struct Pending {
    State state;
    std::uint32_t index;
  };
  struct Found {
    Step step;
    State after;
    std::uint64_t key;
  };
  struct Origin {
    std::uint32_t from;
    Step step;
  };

  bool expand(const Pending& from, std::vector<Pending>& next) {
    bool stuck = true;
    if (options_.check_progress && model_.finished(from.state)) finished_.push_back(from.index);
    found_.clear();
    model_.for_each_step(from.state, [&](const Step& step, const State& after) {
      found_.push_back({step, after, fingerprint(after)});
      visited_.prefetch(found_.back().key);
    });
    result_.steps += found_.size();
    for (const Found& found : found_) {
      const bool must_happen = Model::must_happen(found.step);
      stuck = stuck && !must_happen;
      const auto [index, is_new] = visited_.insert(found.key);
      if (options_.check_progress && must_happen) edges_.push_back({from.index, index});
      if (!is_new) continue;
      if (options_.keep_trail) origins_.push_back({from.index, found.step});
      next.push_back({found.after, index});
      if (const char* wrong = model_.violation(found.after)) {
        report(wrong, index);
        return false;
      }
    }
    if (stuck && !model_.finished(from.state)) {
      report("deadlock: somebody waits and nobody will come", from.index);
      return false;
    }
    return true;
  }

  void report(const char* wrong, std::uint32_t index) {
    result_.violation = wrong;
    if (!options_.keep_trail) return;
    std::vector<Step> steps;
    for (std::uint32_t at = index; at != 0; at = origins_[at].from) steps.push_back(origins_[at].step);
    State state = model_.initial();
    result_.trail = "      " + model_.describe(state) + "\n";
    while (!steps.empty()) {
      const Step step = steps.back();
      steps.pop_back();
      result_.trail += model_.describe(state, step) + "\n";
      model_.for_each_step(state, [&, before = state](const Step& other, const State& after) {
        if (other == step && std::memcmp(&state, &before, sizeof(State)) == 0) state = after;
      });
      result_.trail += "      " + model_.describe(state) + "\n";
    }
    result_.trail += std::string(wrong) + "\n";
  }

  // Backwards from the finished states along the steps that must happen: whoever is not reached can go on for ever
  // without anybody finishing.
  void check_progress() {
    std::vector<std::uint32_t> starts(visited_.size() + 1);
    for (const auto& [from, to] : edges_) ++starts[to + 1];
    for (std::size_t index = 1; index < starts.size(); ++index) starts[index] += starts[index - 1];
    std::vector<std::uint32_t> before(edges_.size());
    std::vector<std::uint32_t> fill(starts.begin(), starts.end() - 1);
    for (const auto& [from, to] : edges_) before[fill[to]++] = from;
    std::vector<bool> reaches(visited_.size());
    std::vector<std::uint32_t> queue = finished_;
    for (const std::uint32_t index : queue) reaches[index] = true;
    while (!queue.empty()) {
      const std::uint32_t at = queue.back();
      queue.pop_back();
      for (std::uint32_t edge = starts[at]; edge < starts[at + 1]; ++edge) {
        const std::uint32_t from = before[edge];
        if (!reaches[from]) {
          reaches[from] = true;
          queue.push_back(from);
        }
      }
    }
    for (std::uint32_t index = 0; index < reaches.size(); ++index) {
      if (!reaches[index]) {
        report("livelock: from here nobody can make all finish", index);
        return;
      }
    }
  }

  const Model& model_;
  const ExploreOptions options_;
  Exploration result_;
  FingerprintMap visited_;
  std::vector<Found> found_;                                    // the steps from one state
  std::vector<Origin> origins_;                                 // by state index, if a trail is kept
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges_;  // if progress is checked
  std::vector<std::uint32_t> finished_;                         // if progress is checked
};

/// Explores; on a violation explores again to say how it came about.
template <class Model>
Exploration explore(const Model& model, ExploreOptions options = {}) {
  Exploration result = Explorer<Model>(model, options).run();
  if (result.violation.empty() || options.keep_trail) return result;
  options.keep_trail = true;
  return Explorer<Model>(model, options).run();
}

}  // namespace dictsqlite::model
