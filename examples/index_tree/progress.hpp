// Progress: what a pass has done so far, and a line on standard error that shows it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace index_tree {

/// On a terminal one line that is written over ten times a second; otherwise one line a second.
///
/// Thread-safety: add() from any thread. Ownership: owns the thread that prints; the destructor ends it.
class Progress {
 public:
  /// `gauge` is asked for something worth showing beside the rates; it runs on the printing thread.
  Progress(const char* verb, std::uint64_t files_total, std::function<std::string()> gauge);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void add(std::uint64_t files, std::uint64_t bytes) {
    // relaxed: counters for the eye; nothing is read on the strength of them.
    files_.fetch_add(files, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

 private:
  void run(const std::stop_token& stop);
  void print(double seconds) const;

  const char* const verb_;
  const std::uint64_t files_total_;
  const std::function<std::string()> gauge_;
  const bool terminal_;
  std::atomic<std::uint64_t> files_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread printer_;  // last: it uses the others
};

}  // namespace index_tree
