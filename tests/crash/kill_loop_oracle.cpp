#include "crash/kill_loop_oracle.hpp"

#include <algorithm>

namespace dictsqlite::kill_loop {

namespace {

void apply_to_content(const PlannedWrite& write, Content& content) {
  for (const PlannedRow& row : write.rows) {
    if (row.erase) {
      content.erase(row.key);
    } else {
      content[row.key] = row.value;
    }
  }
}

bool same_row(const Content& a, const Content& b, const std::string& key) {
  const auto in_a = a.find(key);
  const auto in_b = b.find(key);
  if (in_a == a.end() || in_b == b.end()) return in_a == a.end() && in_b == b.end();
  return in_a->second == in_b->second;
}

std::size_t differ(const Content& a, const Content& b, const std::string& key) { return same_row(a, b, key) ? 0 : 1; }

std::size_t count_differences(const Content& a, const Content& b) {
  std::size_t differences = 0;
  for (const auto& [key, value] : a) differences += differ(a, b, key);
  for (const auto& [key, value] : b) differences += a.contains(key) ? 0u : 1u;
  return differences;
}

std::string describe(const Content& content, const std::string& key) {
  const auto row = content.find(key);
  if (row == content.end()) return "nothing";
  const std::uint64_t number = number_in(key, row->second);
  return number == 0 ? "damaged bytes" : "write " + std::to_string(number);
}

}  // namespace

void Oracle::take(const ReportEvent& event) {
  const unsigned writer = event.writer;
  WriterLog& log = log_[writer];
  switch (event.kind) {
    case EventKind::kStarted:
      log.started = event.number;
      log.accepted_at_start.push_back(accepted_);
      ++started_total_;
      break;
    case EventKind::kAccepted:
      accepted_[writer] = std::max(accepted_[writer], event.number);
      break;
    case EventKind::kDurable: {
      accepted_[writer] = std::max(accepted_[writer], event.number);
      Numbers covered = log.accepted_at_start[event.number - log.base - 1];
      covered[writer] = event.number;
      raise_durable(covered);
      ++durable_total_;
      break;
    }
    case EventKind::kFenceStarted:
      fences_[{writer, event.number}] = accepted_;
      break;
    case EventKind::kFenceDone:
      raise_durable(fences_[{writer, event.number}]);
      break;
    case EventKind::kClosed:
      for (WriterLog& each : log_) each.durable = each.started;
      break;
    default:
      break;
  }
}

void Oracle::raise_durable(const Numbers& numbers) {
  for (unsigned i = 0; i < writers_; ++i) log_[i].durable = std::max(log_[i].durable, numbers[i]);
}

std::vector<std::uint64_t> Oracle::candidates(unsigned writer, const Content& content) const {
  const WriterLog& log = log_[writer];
  std::vector<std::uint64_t> found;
  Content state = log.content;
  std::size_t differences = count_differences(state, content);
  for (std::uint64_t number = log.base;; ++number) {
    if (differences == 0 && number >= log.durable) found.push_back(number);
    if (number == log.started) return found;
    const PlannedWrite write = plan_write(writer, number + 1);
    std::vector<std::string> keys;
    keys.reserve(write.rows.size());
    for (const PlannedRow& row : write.rows) keys.push_back(row.key);
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    for (const std::string& key : keys) differences -= differ(state, content, key);
    apply_to_content(write, state);
    for (const std::string& key : keys) differences += differ(state, content, key);
  }
}

std::string Oracle::explain(unsigned writer, const Content& content) const {
  const WriterLog& log = log_[writer];
  Content state = log.content;
  Content nearest = state;
  std::uint64_t nearest_number = log.base;
  std::size_t fewest = count_differences(state, content);
  for (std::uint64_t number = log.base + 1; number <= log.started; ++number) {
    apply_to_content(plan_write(writer, number), state);
    const std::size_t differences = count_differences(state, content);
    if (differences >= fewest) continue;
    fewest = differences;
    nearest = state;
    nearest_number = number;
  }
  std::string text = "writer " + std::to_string(writer) + ": judged up to " + std::to_string(log.base) +
                     ", durable up to " + std::to_string(log.durable) + ", started up to " +
                     std::to_string(log.started) + "; what is there is nearest to the first " +
                     std::to_string(nearest_number) + " writes, but";
  Content both = nearest;
  both.insert(content.begin(), content.end());
  for (const auto& [key, value] : both) {
    if (same_row(nearest, content, key)) continue;
    text += " [" + key + ": should be " + describe(nearest, key) + ", is " + describe(content, key) + "]";
  }
  return fewest == 0 ? text + " that is too few" : text;
}

std::string Oracle::judge(const Content& content) {
  std::array<Content, kWritersMax> parts;
  for (const auto& [key, value] : content) {
    const unsigned writer = writer_of(key);
    if (writer >= writers_) return "a key that nobody wrote: '" + key + "'";
    parts[writer].emplace(key, value);
  }

  std::array<std::vector<std::uint64_t>, kWritersMax> possible;
  for (unsigned i = 0; i < writers_; ++i) {
    possible[i] = candidates(i, parts[i]);
    if (possible[i].empty()) return explain(i, parts[i]);
  }

  // One order of all writes. Where several numbers fit, the one that proves least is taken.
  for (unsigned later = 0; later < writers_; ++later) {
    const std::uint64_t number = possible[later].front();
    if (number == log_[later].base) continue;
    const Numbers& before = log_[later].accepted_at_start[number - log_[later].base - 1];
    for (unsigned earlier = 0; earlier < writers_; ++earlier) {
      if (possible[earlier].back() >= before[earlier]) continue;
      return "a hole: write " + std::to_string(number) + " of writer " + std::to_string(later) + " is there, write " +
             std::to_string(before[earlier]) + " of writer " + std::to_string(earlier) +
             " is not, although it had been accepted before the other was started";
    }
  }

  for (unsigned i = 0; i < writers_; ++i) {
    WriterLog& log = log_[i];
    lost_total_ += log.started - possible[i].back();
    log.base = log.started;
    log.durable = log.started;
    log.content = std::move(parts[i]);
    log.accepted_at_start.clear();
    accepted_[i] = log.started;
  }
  fences_.clear();
  return "";
}

}  // namespace dictsqlite::kill_loop
