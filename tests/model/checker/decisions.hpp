// Decisions: what one execution decides where it could go on in several ways, and the next execution to be tried:
// depth first through all of them, or at random from a seed.
//
// Each decision belongs to a step of the execution. Option 0 is what happens by itself: the thread runs on, the newest
// store is read. What was decided otherwise, step by step, is an execution's name: "12>2 15~1" means that before step
// 12 thread 2 was given the turn, and that step 15 read the newest store but one. That name replays it.
//
// Thread-safety: none.
#pragma once

#include "support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::checker {

enum class DecisionKind : char { kThread = '>', kStore = '~' };

class Decisions {
 public:
  enum class Mode : std::uint8_t { kExhaustive, kRandom, kReplay };

  /// Through all of them, in order.
  Decisions() noexcept = default;
  /// At random, for ever.
  explicit Decisions(testing_support::Random random) : mode_(Mode::kRandom), random_(random) {}
  /// The one of this name.
  explicit Decisions(const std::string& name);

  [[nodiscard]] Mode mode() const noexcept { return mode_; }

  /// An execution begins.
  void begin() noexcept {
    has_strayed_ = false;
    depth_ = 0;
    otherwise_.clear();
  }
  /// One of `count` options, at a step. `label` names an option in the execution's name.
  template <class Label>
  [[nodiscard]] std::size_t choose(DecisionKind kind, std::uint32_t step, std::size_t count, Label&& label) {
    std::size_t chosen = 0;
    switch (mode_) {
      case Mode::kExhaustive:
        chosen = choose_next(count);
        break;
      case Mode::kRandom:
        chosen = random_->one_in(kOtherwiseOneIn) ? random_->below(count) : 0;
        break;
      case Mode::kReplay:
        for (std::size_t option = 1; option < count; ++option) {
          if (replayed(kind, step) == label(option)) chosen = option;
        }
        break;
    }
    if (chosen != 0) otherwise_.push_back({kind, step, label(chosen)});
    return chosen;
  }
  /// Makes the next execution the next one in order. False if there is none.
  [[nodiscard]] bool next() noexcept;
  /// The same decisions have led elsewhere than before: the scenario is not deterministic, or an atomic has moved.
  [[nodiscard]] bool has_strayed() const noexcept { return has_strayed_; }
  /// The name of the execution so far.
  [[nodiscard]] std::string name() const;
  /// Begins anew.
  void restart() noexcept {
    path_.clear();
    has_strayed_ = false;
  }

 private:
  struct Choice {
    std::uint32_t chosen;
    std::uint32_t count;
  };
  struct Otherwise {
    DecisionKind kind;
    std::uint32_t step;
    std::size_t label;
  };
  static constexpr std::size_t kOtherwiseOneIn = 6;

  [[nodiscard]] std::size_t choose_next(std::size_t count);
  [[nodiscard]] std::size_t replayed(DecisionKind kind, std::uint32_t step) const;

  Mode mode_ = Mode::kExhaustive;
  std::optional<testing_support::Random> random_;
  std::map<std::pair<std::uint32_t, char>, std::size_t> replay_;
  std::vector<Choice> path_;
  std::size_t depth_ = 0;
  bool has_strayed_ = false;
  std::vector<Otherwise> otherwise_;
};

}  // namespace dictsqlite::checker
