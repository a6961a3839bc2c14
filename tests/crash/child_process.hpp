// ChildProcess: this program once more, as the process that a disaster is going to meet, and the reports it sends.
#pragma once

#include "crash/kill_loop_child.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace dictsqlite::kill_loop {

/// Thread-safety: one thread at a time. The destructor ends the process if nobody did.
class ChildProcess {
 public:
  explicit ChildProcess(const ChildPlan& plan);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Fills `to`; false at the end of the reports, which a disaster may put anywhere, or when hung().
  [[nodiscard]] bool read(void* to, std::size_t size);
  [[nodiscard]] bool read(std::string& to, std::size_t size);
  /// Whether the reports ended because none came for a long time.
  [[nodiscard]] bool hung() const { return hung_; }

  /// How many bytes it has sent by now, and how many of them have been read.
  [[nodiscard]] std::uint64_t sent() const;
  [[nodiscard]] std::uint64_t taken() const { return received_ - (buffered_.size() - used_); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() const;
  /// The status of waitpid(), or -1 if it never ran.
  [[nodiscard]] int wait();

 private:
  bool await_report();

  pid_t pid_ = -1;
  int reports_ = -1;
  bool hung_ = false;
  std::uint64_t received_ = 0;  // bytes
  std::string buffered_;
  std::size_t used_ = 0;
};

}  // namespace dictsqlite::kill_loop
