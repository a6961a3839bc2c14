// LogStage: drained writes on their way into the log. It turns them into records, has blocks submitted when that is
// due, and gives them on when they are durable.
//
//   waiting --encode--> logged (in a block) --durable, in order--> taken
//
// Thread-safety: the flusher's thread.
// Ownership:     one reference of every write in it; the log's writer.
#pragma once

#include "flush/flush_policy.hpp"
#include "flush/pipeline.hpp"
#include "flush/write_path.hpp"
#include "journal/log_writer.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace dictsqlite::flush {

class LogStage {
 public:
  LogStage(const LogPolicy& policy, const base::Clock& clock, WritePath& path) noexcept
      : policy_(policy), clock_(clock), path_(path) {}

  /// Before anything else. The log has begun.
  void begin(std::unique_ptr<journal::LogWriter> writer) noexcept {
    writer_ = std::move(writer);
    next_sequence_ = writer_->durable_end();
  }
  [[nodiscard]] journal::LogWriter& writer() noexcept { return *writer_; }
  [[nodiscard]] const journal::LogWriter& writer() const noexcept { return *writer_; }

  void stage(entry::Entry* write);
  /// Rows that no block has yet.
  [[nodiscard]] std::size_t waiting_rows() const noexcept { return waiting_rows_; }
  /// Rows that are not durable.
  [[nodiscard]] std::size_t unsafe_rows() const noexcept { return waiting_rows_ + logged_rows_; }
  /// What is due gets no further until SQLite has settled more, or the disk has space.
  [[nodiscard]] bool is_stuck() const noexcept { return is_stuck_; }
  /// Somebody waits for a write that is in no block.
  [[nodiscard]] bool is_asked(const Demand& demand) const noexcept;

  /// How many more rows are to come before a further block is worth while; 0 with none in flight.
  [[nodiscard]] std::size_t rows_held_for() const noexcept {
    return writer_->in_flight() == 0 ? 0 : rows_missing(waiting_rows_, logged_rows_);
  }

  /// Encodes and submits what is due and has room. Errors: final.
  [[nodiscard]] absl::Status step(const Demand& demand, bool& progress);
  [[nodiscard]] base::Instant next_look(const Demand& demand) const;

  /// Moves the writes that have become durable to the end of `out`.
  void take_durable(std::vector<entry::Entry*>& out);
  /// Everything is durable, and no request in flight; or it was dropped.
  [[nodiscard]] bool is_idle() const noexcept;
  /// Lets go of everything, and of its budget.
  void drop() noexcept;

 private:
  [[nodiscard]] LogView view(const Demand& demand) const;
  [[nodiscard]] bool encode();
  void begin_record(const entry::Entry& write);

  const LogPolicy policy_;
  const base::Clock& clock_;
  WritePath& path_;
  std::unique_ptr<journal::LogWriter> writer_;
  std::deque<entry::Entry*> waiting_;
  std::deque<entry::Entry*> logged_;
  std::uint64_t next_sequence_ = 0;  // of the write that is staged next
  std::size_t waiting_rows_ = 0;
  std::size_t logged_rows_ = 0;
  base::Instant oldest_waiting_{};
  base::Instant retry_after_{};  // no new segment before: the disk was full
  std::vector<journal::LogRow> rows_;
  journal::RecordSource record_;
  bool record_begun_ = false;  // of the first that waits
  bool was_due_ = false;       // at the last step
  bool is_stuck_ = false;      // the same
  bool dropped_ = false;
};

}  // namespace dictsqlite::flush
