// Stopwatch: wall time, this process's processor time, and how much of the machine everybody else took meanwhile.
#pragma once

#include <chrono>
#include <cstdint>

namespace dictsqlite::bench {

/// What one run took.
struct Sample {
  double operations = 0;
  double seconds = 0;
  double cpu_seconds = 0;   // of all threads of this process
  double others_share = 0;  // of all processors' time: other processes, interrupts, and what the hypervisor stole
  double p50_us = 0;        // latency of one operation, where that was measured
  double p99_us = 0;
  double p999_us = 0;
  double longest_us = 0;

  [[nodiscard]] double per_second() const noexcept { return operations / seconds; }
  [[nodiscard]] double us_per_operation() const noexcept { return seconds * 1e6 / operations; }
  [[nodiscard]] double cpu_us_per_operation() const noexcept { return cpu_seconds * 1e6 / operations; }
};

/// Thread-safety: one thread at a time.
class Stopwatch {
 public:
  Stopwatch() noexcept;
  [[nodiscard]] Sample stop(double operations) const noexcept;

 private:
  std::chrono::steady_clock::time_point started_;
  double cpu_seconds_;
  double machine_busy_seconds_;
};

/// Processor time of this process so far, in seconds.
[[nodiscard]] double process_cpu_seconds() noexcept;

/// Waits until this process is nearly idle, so that what one contender left behind does not burden the next. Gives up
/// after five seconds.
void wait_until_idle() noexcept;

}  // namespace dictsqlite::bench
