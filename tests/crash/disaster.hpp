// Disaster: what a round of the kill loop does to a process at the chosen moment, and how the process has to end.
#pragma once

#include "crash/child_process.hpp"
#include "crash/kill_loop_child.hpp"

#include <csignal>
#include <string>

#include <sys/wait.h>

namespace dictsqlite::kill_loop {

/// Thread-safety: none. Each call may return a sentence that says what is wrong, which ends the loop.
class Disaster {
 public:
  virtual ~Disaster() = default;

  /// Before the process starts.
  virtual void prepare(ChildPlan&) {}
  /// Whether it may come while the database is being opened.
  [[nodiscard]] virtual bool meets_opening() const { return true; }
  /// The process has opened the database and has told what is in it; it writes now.
  [[nodiscard]] virtual std::string opened(const ChildProcess&) { return ""; }
  /// Whether acknowledgements count only if they were sent before strike(): those that come later speak of a disk that
  /// is no more.
  [[nodiscard]] virtual bool takes_the_disk() const { return false; }
  /// Now.
  [[nodiscard]] virtual std::string strike(const ChildProcess& process) = 0;
  /// The process has ended with `status`, of waitpid(). Leaves the files as the next process is to find them.
  [[nodiscard]] virtual std::string after(int status) = 0;
  /// What it did last, for whoever reads about its consequences.
  [[nodiscard]] virtual std::string describe() const = 0;
};

class Kill final : public Disaster {
 public:
  std::string strike(const ChildProcess& process) override {
    process.kill();
    return "";
  }
  std::string after(int status) override {
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return "";
    return "the process ended by itself, with status " + std::to_string(status);
  }
  std::string describe() const override { return "a kill"; }
};

}  // namespace dictsqlite::kill_loop
