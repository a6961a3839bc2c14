// Remote: a contender in a process of its own, so that its memory is its own as well. It is told what to do over a
// pipe, hence takes turns with the others as any contender does.
#pragma once

#include "support/stopwatch.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <sys/types.h>

namespace dictsqlite::bench {

/// What a contender occupies.
struct Footprint {
  std::size_t memory_peak_bytes = 0;
  std::size_t disk_bytes = 0;
};

/// What runs in the process.
class Subject {
 public:
  virtual ~Subject() = default;
  [[nodiscard]] virtual Sample run(std::uint32_t work) = 0;
  [[nodiscard]] virtual Footprint footprint() = 0;
};

/// Thread-safety: none. To be made while this process has one thread. Dies if the other process does.
class Remote {
 public:
  /// Forks; `make` runs there, and must have returned before run() does.
  explicit Remote(const std::function<std::unique_ptr<Subject>()>& make);
  ~Remote();
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  [[nodiscard]] Sample run(std::uint32_t work);
  [[nodiscard]] Footprint footprint();

 private:
  pid_t process_ = -1;
  int commands_ = -1;
  int answers_ = -1;
};

}  // namespace dictsqlite::bench
