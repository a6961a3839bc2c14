// DirectPipeline: SQLite alone. The flusher's thread applies, and what is synced is durable.
#pragma once

#include "flush/applier.hpp"
#include "flush/pipeline.hpp"

#include <memory>

namespace dictsqlite::flush {

class DirectPipeline final : public Pipeline, private ApplierHost {
 public:
  struct Config {
    FlushPolicy policy;
    store::SqliteOptions store;
    journal::LogLoss log_loss;
    std::size_t replay_bytes;  // memory for what is replayed at a time
    io::FileAccess& files;
    const base::Clock& clock;
  };
  DirectPipeline(Config config, PipelineHost& host, WritePath& path, cache::Cache& cache, Watermarks& watermarks,
                 FlushCounters& counters);

  [[nodiscard]] absl::Status open(io::IoBackend& backend) override;
  [[nodiscard]] store::SqliteStore* store() noexcept override { return applier_.store(); }
  [[nodiscard]] const RecoveryFacts& recovery() const noexcept override { return recovery_; }
  void stage(entry::Entry* write) override { applier_.stage(write); }
  [[nodiscard]] std::size_t waiting_rows() const noexcept override { return applier_.staged_rows(); }
  [[nodiscard]] bool is_asked(const Demand& demand) const noexcept override;
  [[nodiscard]] Hold hold() const noexcept override { return applier_.hold(); }
  bool step(const Demand& demand) override { return applier_.step(for_applier(demand)); }
  [[nodiscard]] base::Instant next_look(const Demand& demand) const override {
    return applier_.next_look(for_applier(demand));
  }
  [[nodiscard]] bool is_request_in_flight() const noexcept override { return applier_.is_sync_in_flight(); }
  void completed(const io::IoCompletion& completion) override;
  [[nodiscard]] std::uint64_t attempted() const noexcept override { return applier_.attempted(); }
  [[nodiscard]] std::size_t unsafe_rows() const noexcept override { return applier_.staged_rows(); }
  void drop() noexcept override { applier_.drop(); }
  [[nodiscard]] bool is_drained() override { return applier_.is_idle(); }
  [[nodiscard]] absl::Status close(store::ClosingLog log) override { return applier_.close(log); }
  void abandon() noexcept override { applier_.abandon(); }

 private:
  // Durable is applied and settled.
  [[nodiscard]] static Demand for_applier(Demand demand) noexcept;

  // ApplierHost
  [[nodiscard]] bool keep_going() override { return host_.keep_going(); }
  void apply_failed(const absl::Status& status) override { host_.pipeline_failed(status); }
  void start_sync(int fd) override;
  void log_pinned() override { host_.log_pinned(); }
  void emit(EventKind kind, const std::string& message) override { host_.emit(kind, message); }

  const Config config_;
  PipelineHost& host_;
  Watermarks& watermarks_;
  io::IoBackend* backend_ = nullptr;
  Applier applier_;
  RecoveryFacts recovery_;
};

}  // namespace dictsqlite::flush
