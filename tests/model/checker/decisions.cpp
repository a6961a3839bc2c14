#include "model/checker/decisions.hpp"

#include <sstream>

namespace dictsqlite::checker {

Decisions::Decisions(const std::string& name) : mode_(Mode::kReplay) {
  std::istringstream words(name);
  std::uint32_t step = 0;
  char kind = 0;
  std::size_t label = 0;
  while (words >> step >> kind >> label) replay_[{step, kind}] = label;
}

std::size_t Decisions::choose_next(std::size_t count) {
  if (depth_ == path_.size()) path_.push_back({0, static_cast<std::uint32_t>(count)});
  const Choice& choice = path_[depth_++];
  if (choice.count != count) has_strayed_ = true;
  return has_strayed_ ? 0 : choice.chosen;
}

std::size_t Decisions::replayed(DecisionKind kind, std::uint32_t step) const {
  const auto found = replay_.find({step, static_cast<char>(kind)});
  return found != replay_.end() ? found->second : 0;
}

bool Decisions::next() noexcept {
  if (mode_ == Mode::kRandom) return true;
  while (!path_.empty() && path_.back().chosen + 1 == path_.back().count) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().chosen;
  return true;
}

std::string Decisions::name() const {
  std::string result;
  for (const Otherwise& one : otherwise_) {
    if (!result.empty()) result += ' ';
    result += std::to_string(one.step) + static_cast<char>(one.kind) + std::to_string(one.label);
  }
  return result;
}

}  // namespace dictsqlite::checker
