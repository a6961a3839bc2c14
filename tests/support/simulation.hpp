// Simulation: a whole database, its threads and its clients, run one at a time, in an order drawn from a seed. Time is
// simulated too and passes when everybody waits. The same seed gives the same run.
//
// Threads are real but take turns: each runs until it waits at one of the library's two doors (ThreadHost, IoBackend)
// or wakes another; then the seed says who is next. If nobody can run and nobody waits for a time, a wake-up was lost:
// the process ends with a sentence.
#pragma once

#include "base/clock.hpp"
#include "database/surroundings.hpp"
#include "io/io_backend.hpp"
#include "support/random.hpp"
#include "support/simulated_disk.hpp"
#include "task/thread_host.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::testing_support {

/// Thread-safety: made, used and destroyed on the thread of the test, which takes its turns like the others; what the
/// interfaces say is called from the library's threads. Ownership: outlives every database opened in surroundings().
class Simulation final : public task::ThreadHost, public base::Clock {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation() override;

  /// Clock, threads and I/O backend of this simulation.
  [[nodiscard]] detail::Surroundings surroundings() noexcept;

  /// The same, with files on `disk`, and SQLite's through the VFS `vfs_name` on it. Both outlive the database.
  [[nodiscard]] detail::Surroundings surroundings(SimulatedDisk& disk, const std::string& vfs_name) noexcept;

  /// The test's thread lets the others run for so long.
  void sleep(base::Nanoseconds time) noexcept;

  /// Who ran, in order: equal for equal seeds.
  [[nodiscard]] const std::vector<std::uint8_t>& turns() const noexcept { return turns_; }

  /// How often the threads of that name ran.
  [[nodiscard]] std::size_t turns_of(std::string_view name) const;

  // Clock
  [[nodiscard]] base::Instant now() const noexcept override;
  // ThreadHost
  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept override;
  void wake_one(const std::atomic<std::uint32_t>* word) noexcept override;
  void thread_starts(const char* name) noexcept override;
  void thread_refused(const char* name) noexcept override;
  void thread_begins(const char* name) noexcept override;
  void thread_ends(const char* name) noexcept override;
  void joins(const char* name) noexcept override;

 private:
  class Backend;
  enum class State : std::uint8_t { kReady, kWaiting, kEnded };
  struct Participant {
    std::string name;
    State state = State::kReady;
    const void* word = nullptr;  // what it waits for, if it waits for a word or for a thread's end
    base::Instant deadline = base::kNever;
    bool timed_out = false;
    std::condition_variable turn;
  };
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] Participant& current() noexcept { return *running_; }
  [[nodiscard]] Participant& named(std::string_view name) noexcept;
  void pass_turn(Lock& lock, Participant& self) noexcept;
  void choose_next() noexcept;
  void let_time_pass() noexcept;
  [[nodiscard]] base::Nanoseconds latency() noexcept;

  SimulatedDisk* disk_ = nullptr;  // null: the kernel's files
  mutable std::mutex mutex_;
  Random random_;
  base::Instant now_{1};
  std::deque<Participant> participants_;  // the first is the test's thread; none is ever removed
  Participant* running_ = nullptr;
  std::vector<std::uint8_t> turns_;
};

}  // namespace dictsqlite::testing_support
