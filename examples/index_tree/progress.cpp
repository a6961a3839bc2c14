#include "index_tree/progress.hpp"

#include "index_tree/report.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

#include <unistd.h>

namespace index_tree {

Progress::Progress(const char* verb, std::uint64_t files_total, std::function<std::string()> gauge)
    : verb_(verb),
      files_total_(files_total),
      gauge_(std::move(gauge)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      printer_([this](const std::stop_token& stop) { run(stop); }) {}

Progress::~Progress() {
  printer_.request_stop();
  printer_.join();
  if (terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::run(const std::stop_token& stop) {
  const auto period = std::chrono::milliseconds(terminal_ ? 100 : 1000);
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, stop, period, [] { return false; }) && !stop.stop_requested()) {
    print(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

void Progress::print(double seconds) const {
  const std::uint64_t files = files_.load(std::memory_order_relaxed);
  const double megabytes = static_cast<double>(bytes_.load(std::memory_order_relaxed)) / 1e6;
  std::fprintf(stderr, "%s%-8s %9s of %s files %9s files/s %7.1f MB/s   %s%s", terminal_ ? "\r\033[K" : "", verb_,
               grouped(files).c_str(), grouped(files_total_).c_str(),
               grouped(static_cast<std::uint64_t>(static_cast<double>(files) / seconds)).c_str(), megabytes / seconds,
               gauge_().c_str(), terminal_ ? "" : "\n");
}

}  // namespace index_tree
