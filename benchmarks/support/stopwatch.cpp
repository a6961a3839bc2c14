#include "support/stopwatch.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

constexpr auto kIdleLook = std::chrono::milliseconds(50);
constexpr double kIdleShare = 0.05;
constexpr int kIdleLooksMax = 100;

double seconds_of(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Everything but idle and waiting for a disk, over all processors; 0 where there is no /proc.
double machine_busy_seconds() noexcept {
  std::FILE* file = std::fopen("/proc/stat", "re");
  if (file == nullptr) return 0;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, io_wait = 0, irq = 0, soft_irq = 0, stolen = 0;
  const int fields = std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                                 &io_wait, &irq, &soft_irq, &stolen);
  std::fclose(file);
  if (fields != 8) return 0;
  const auto ticks = static_cast<double>(user + nice + system + irq + soft_irq + stolen);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

double process_cpu_seconds() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

Stopwatch::Stopwatch() noexcept
    : started_(std::chrono::steady_clock::now()),
      cpu_seconds_(process_cpu_seconds()),
      machine_busy_seconds_(machine_busy_seconds()) {}

Sample Stopwatch::stop(double operations) const noexcept {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
  Sample sample;
  sample.operations = operations;
  sample.seconds = passed.count();
  sample.cpu_seconds = process_cpu_seconds() - cpu_seconds_;
  const double processors = std::max(1u, std::thread::hardware_concurrency());
  const double others = machine_busy_seconds() - machine_busy_seconds_ - sample.cpu_seconds;
  sample.others_share = std::clamp(others / (processors * sample.seconds), 0.0, 1.0);
  return sample;
}

void wait_until_idle() noexcept {
  for (int look = 0; look < kIdleLooksMax; ++look) {
    const double before = process_cpu_seconds();
    std::this_thread::sleep_for(kIdleLook);
    const double share = (process_cpu_seconds() - before) / std::chrono::duration<double>(kIdleLook).count();
    if (share < kIdleShare) return;
  }
}

}  // namespace dictsqlite::bench
