// What tests of the public interface share: a database that must open, and a log of its events.
#pragma once

#include <dictsqlite/database.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

/// Opens or fails the test.
inline Database open_database(Options options) {
  absl::StatusOr<Database> database = Database::open(std::move(options));
  EXPECT_TRUE(database.ok()) << database.status();
  return database.ok() ? *std::move(database) : Database();
}

/// Thread-safety: any thread. Ownership: must outlive the database that reports to it.
class EventLog {
 public:
  [[nodiscard]] EventHook hook() {
    return {[](void* context, const Event& event) noexcept {
              auto& log = *static_cast<EventLog*>(context);
              const std::scoped_lock lock(log.mutex_);
              log.events_.emplace_back(event.kind, std::string(event.message));
              log.changed_.notify_all();
            },
            this};
  }
  /// Waits until there has been one.
  void wait_for(EventKind kind) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::any_of(events_.begin(), events_.end(), [&](const auto& each) { return each.first == kind; });
    });
  }
  [[nodiscard]] std::size_t count(EventKind kind) const {
    const std::scoped_lock lock(mutex_);
    std::size_t count = 0;
    for (const auto& [each, message] : events_) count += each == kind;
    return count;
  }
  void clear() {
    const std::scoped_lock lock(mutex_);
    events_.clear();
  }
  [[nodiscard]] std::string all() const {
    const std::scoped_lock lock(mutex_);
    std::string text;
    for (const auto& [kind, message] : events_) text += std::to_string(static_cast<int>(kind)) + ": " + message + "\n";
    return text;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::pair<EventKind, std::string>> events_;
};

}  // namespace dictsqlite::testing_support
