// JournaledPipeline: writes are durable in a log, which the flusher writes, before a thread of its own brings them into
// SQLite in large transactions. The log's segments are used again when what is in them is settled.
//
//   flusher   stage --> LogStage --durable--+
//                                           | hand_over
//   applier                                 +--> Applier --> applied --> settled --> segments are free
#pragma once

#include "flush/applier.hpp"
#include "flush/applier_thread.hpp"
#include "flush/log_stage.hpp"
#include "flush/pipeline.hpp"
#include "journal/log_writer.hpp"

#include <memory>
#include <vector>

namespace dictsqlite::flush {

class JournaledPipeline final : public Pipeline {
 public:
  struct Config {
    FlushPolicy policy;
    store::SqliteOptions store;
    std::uint64_t log_bytes_max;
    journal::LogLoss log_loss;
    std::size_t replay_bytes;  // memory for what is replayed at a time
    io::FileAccess& files;
    const base::Clock& clock;
    task::ThreadHost& threads;
  };
  JournaledPipeline(Config config, PipelineHost& host, WritePath& path, cache::Cache& cache, Watermarks& watermarks,
                    FlushCounters& counters, base::Failure& failure);
  ~JournaledPipeline() override;

  [[nodiscard]] absl::Status open(io::IoBackend& backend) override;
  [[nodiscard]] store::SqliteStore* store() noexcept override { return applier_.store(); }
  [[nodiscard]] const RecoveryFacts& recovery() const noexcept override { return recovery_; }
  void stage(entry::Entry* write) override { log_.stage(write); }
  [[nodiscard]] std::size_t waiting_rows() const noexcept override { return log_.waiting_rows(); }
  [[nodiscard]] bool is_asked(const Demand& demand) const noexcept override { return log_.is_asked(demand); }
  [[nodiscard]] Hold hold() const noexcept override { return {log_.rows_held_for(), base::kNever}; }
  bool step(const Demand& demand) override;
  [[nodiscard]] base::Instant next_look(const Demand& demand) const override { return log_.next_look(demand); }
  [[nodiscard]] bool is_request_in_flight() const noexcept override { return log_.writer().in_flight() != 0; }
  void completed(const io::IoCompletion& completion) override;
  [[nodiscard]] bool has_news() const noexcept override { return thread_.has_news(); }
  void take_news() noexcept override { thread_.take_news(); }
  [[nodiscard]] std::uint64_t attempted() const noexcept override;
  [[nodiscard]] std::size_t unsafe_rows() const noexcept override { return log_.is_stuck() ? log_.unsafe_rows() : 0; }
  void drop() noexcept override {
    log_.drop();
    thread_.look_again();
  }
  [[nodiscard]] bool is_drained() override;
  void give_up() noexcept override { thread_.give_up(); }
  [[nodiscard]] absl::Status close(store::ClosingLog log) override;
  void abandon() noexcept override;

 private:
  [[nodiscard]] absl::Status begin_log(RecoveredStore& recovered, io::IoBackend& backend);
  void hand_over(const Demand& demand);
  void note_full_disk();
  void publish_counters() noexcept;

  const Config config_;
  PipelineHost& host_;
  WritePath& path_;
  Watermarks& watermarks_;
  FlushCounters& counters_;
  LogStage log_;
  ApplierThread thread_;
  Applier applier_;
  RecoveryFacts recovery_;
  bool was_disk_full_ = false;
  std::vector<entry::Entry*> durable_;  // on their way to the applier
};

}  // namespace dictsqlite::flush
