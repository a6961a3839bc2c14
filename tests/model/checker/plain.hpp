// What the threads of a scenario share beside checked atomics: plain memory, whose races are violations, and what
// stands for sleeping in the kernel.
//
// Ownership: part of a scenario's world.
#pragma once

#include "model/checker/execution.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::checker {

/// Who has read and written something that is not atomic. Two accesses that do not happen one before the other, one of
/// them a write, are a data race.
class RaceDetector {
 public:
  RaceDetector() noexcept = default;
  explicit RaceDetector(const char* name) noexcept : name_(name) {}

  void read() noexcept {
    Execution* const execution = Execution::current();
    if (execution == nullptr) return;
    const Clock& clock = execution->tick();
    if (written_at_ != 0 && !clock.knows(writer_, written_at_)) race("read", "write", writer_);
    read_at_[execution->thread()] = clock.time_of(execution->thread());
  }
  void write() noexcept {
    Execution* const execution = Execution::current();
    if (execution == nullptr) return;
    const Clock& clock = execution->tick();
    if (written_at_ != 0 && !clock.knows(writer_, written_at_)) race("write", "write", writer_);
    for (std::size_t thread = 0; thread < kThreadsMax; ++thread) {
      if (read_at_[thread] != 0 && !clock.knows(thread, read_at_[thread])) race("write", "read", thread);
    }
    writer_ = execution->thread();
    written_at_ = clock.time_of(writer_);
  }

 private:
  void race(const char* now, const char* before, std::size_t other) const noexcept {
    Execution& execution = *Execution::current();
    execution.violate(std::string("data race on ") + name_ + ": " + now + " of thread " +
                      std::to_string(execution.thread()) + ", " + before + " of thread " + std::to_string(other));
  }

  const char* name_ = "plain memory";
  std::size_t writer_ = 0;
  std::uint32_t written_at_ = 0;
  std::array<std::uint32_t, kThreadsMax> read_at_{};
};

/// A value that is not atomic.
template <class T>
class Plain {
 public:
  Plain() = default;
  explicit Plain(T value, const char* name = "plain memory") : races_(name), value_(std::move(value)) {}

  [[nodiscard]] const T& read() noexcept {
    races_.read();
    return value_;
  }
  void write(T value) noexcept {
    races_.write();
    value_ = std::move(value);
  }

 private:
  RaceDetector races_;
  T value_{};
};

/// A thread of the scenario sleeps until another wakes it: a wake-up that comes first is kept, once. Like the kernel's,
/// and unlike an atomic, it orders nothing as far as the scenario may rely on.
class Signal {
 public:
  void wake() noexcept { is_set_ = true; }
  void sleep() noexcept {
    if (!is_set_) Execution::current()->sleep(is_set_);
    is_set_ = false;
  }
  [[nodiscard]] bool is_set() const noexcept { return is_set_; }

 private:
  bool is_set_ = false;
};

/// A promise that does not hold is a violation. In check(), or in a thread, which then ends there.
inline void expect(bool holds, const char* sentence) noexcept {
  if (!holds && Execution::current() != nullptr) Execution::current()->violate(sentence);
}
/// Waits for another thread to change something.
inline void yield() noexcept {
  if (Execution::current() != nullptr) Execution::current()->yield();
}

}  // namespace dictsqlite::checker
