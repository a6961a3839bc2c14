// CrashLife: one life of a whole database on a SimulatedDisk, from its opening to its end, and what it promises
// meanwhile. Options, writes and the order of everything are drawn from the seed; what happens to the disk is for the
// test, which looks on from SimulatedDisk::on_call.
#pragma once

#include <dictsqlite/dictsqlite.hpp>

#include "crash/numbered_writes.hpp"
#include "crash/recovered_image.hpp"
#include "support/pump.hpp"
#include "support/simulated_disk.hpp"
#include "support/simulated_vfs.hpp"
#include "support/simulation.hpp"

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace dictsqlite::crash_testing {

enum class Faults : std::uint8_t { kNone, kExpected };

struct LifePlan {
  Journal journal = Journal::kOff;
  Faults faults = Faults::kNone;
  std::size_t writes_min = 20;
  std::size_t writes_max = 70;
};

/// Thread-safety: made, run and destroyed on the test's thread; promised() wherever somebody has the turn.
/// Ownership: disk, history and random outlive it.
class CrashLife {
 public:
  CrashLife(testing_support::SimulatedDisk& disk, NumberedWrites& history, Promised before, const LifePlan& plan,
            testing_support::Random& random);

  /// Opens, writes, closes or is destroyed. False at the first broken promise: see wrong().
  bool run();

  [[nodiscard]] Promised promised() const;
  /// How many writes are in SQLite's own files, whatever becomes of the log.
  [[nodiscard]] std::uint64_t settled() const { return is_open_ ? database_.stats().settled_sequence : 0; }
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }
  /// What open() answered.
  [[nodiscard]] absl::StatusCode opening() const noexcept { return opening_; }
  /// What the first operation that failed was answered, or OK.
  [[nodiscard]] const absl::Status& failure() const noexcept { return failure_; }
  /// What close() was answered, if it was called.
  [[nodiscard]] const absl::Status& closing() const noexcept { return closing_; }

 private:
  [[nodiscard]] Options options();
  bool open();
  void write_all();
  void write(std::uint64_t number);
  void fence();
  void close();
  void answered(std::uint64_t number, Ack ack, const absl::Status& status);
  void judge_answer(const absl::Status& status);
  // False if that takes longer than anything may.
  template <class Done>
  bool wait_until(const char* what, Done done);
  template <class Operation>
  std::optional<typename Operation::Result> wait_for(const char* what, Operation operation);

  NumberedWrites& history_;
  const LifePlan plan_;
  testing_support::Random& random_;
  testing_support::Simulation simulation_;
  testing_support::SimulatedVfs vfs_;
  testing_support::Pump pump_;
  const detail::Surroundings surroundings_;
  Database database_;
  bool is_open_ = false;
  Promised promised_;
  PersistMode mode_ = PersistMode::kWriteBehind;
  std::uint64_t accepted_ = 0;  // the newest write that is known to have been
  std::size_t unanswered_ = 0;
  std::string wrong_;
  absl::StatusCode opening_ = absl::StatusCode::kOk;
  absl::Status failure_;
  absl::Status closing_;
};

}  // namespace dictsqlite::crash_testing
