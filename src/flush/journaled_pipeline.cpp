#include "flush/journaled_pipeline.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace dictsqlite::flush {

namespace {

// The first file of a log; those that follow grow up to an eighth of what all may take.
constexpr std::uint64_t kFirstSegmentMin = 128u << 10;
constexpr std::uint64_t kFirstSegmentMax = 1u << 20;
constexpr std::uint64_t kSegmentsWanted = 8;
constexpr std::uint64_t kBlockBytesMax = 256u << 10;
// More in flight make the blocks smaller and the disk's queue longer; who waits then waits longer.
constexpr std::size_t kBlocksInFlight = 4;

FlushPolicy applying(FlushPolicy policy) noexcept {
  policy.buffer_size = std::max(policy.buffer_size, kTransactionRowsMax);
  policy.is_journaled = true;
  return policy;
}

}  // namespace

JournaledPipeline::JournaledPipeline(Config config, PipelineHost& host, WritePath& path, cache::Cache& cache,
                                     Watermarks& watermarks, FlushCounters& counters, base::Failure& failure)
    : config_(std::move(config)),
      host_(host),
      path_(path),
      watermarks_(watermarks),
      counters_(counters),
      log_({config_.policy.mode, config_.policy.buffer_size, config_.policy.flush_interval}, config_.clock, path),
      thread_(config_.threads, config_.files, host, path, cache, failure),
      applier_(applying(config_.policy), Applier::Durable::kByTheLog, config_.clock, thread_, path, cache, watermarks,
               counters) {}

JournaledPipeline::~JournaledPipeline() { thread_.join(); }

// --- opening ---

absl::Status JournaledPipeline::open(io::IoBackend& backend) {
  absl::StatusOr<RecoveredStore> recovered =
      open_and_recover(config_.store, config_.replay_bytes, config_.log_loss, config_.files, config_.clock);
  if (!recovered.ok()) return recovered.status();
  absl::Status status = begin_log(*recovered, backend);
  if (!status.ok()) return status;
  recovered->old_log.remove_all();
  recovery_ = recovered->facts;
  applier_.begin(std::move(recovered->store));
  return thread_.start(applier_, kTransactionRowsMax);
}

// The order matters: a file that says of itself that its life may not have begun; the life in the database; the first
// header. Recovery takes a crash between any two for what it is.
absl::Status JournaledPipeline::begin_log(RecoveredStore& recovered, io::IoBackend& backend) {
  store::StoreWriter& writer = recovered.store->writer();
  store::Life life = writer.life();
  ++life.epoch;
  life.log_id = writer.draw_log_id();
  journal::LogWriter::Config config;
  config.identity = log_identity(life);
  config.blocks_in_flight = kBlocksInFlight;
  config.space.prefix = log_prefix(recovered.store->path());
  config.space.first_file = recovered.old_log.next_file();
  const std::uint64_t units = config_.log_bytes_max / journal::kUnit;
  config.space.segment_bytes_min = std::clamp(units / 64 * journal::kUnit, kFirstSegmentMin, kFirstSegmentMax);
  config.space.segment_bytes_max = std::max(config.space.segment_bytes_min, units / kSegmentsWanted * journal::kUnit);
  config.block_bytes = std::min(kBlockBytesMax, config.space.segment_bytes_min / 2);
  config.space.bytes_max = config_.log_bytes_max;
  auto log = std::make_unique<journal::LogWriter>(config, config_.files, backend, writer.last_sequence() + 1);
  absl::Status status = log->create();
  if (status.ok()) status = writer.begin_life(life.log_id);
  if (status.ok()) status = log->begin();
  log_.begin(std::move(log));  // also if it failed: a request may be in flight
  return status;
}

// --- running ---

bool JournaledPipeline::step(const Demand& demand) {
  log_.writer().settled_to(watermarks_.settled.value() + 1);
  bool progress = false;
  const absl::Status status = log_.step(demand, progress);
  publish_counters();
  if (!status.ok()) {
    host_.pipeline_failed(status);
    return true;
  }
  note_full_disk();
  hand_over(demand);
  return progress;
}

// While a file of the log finds no space, it goes on in those it has.
void JournaledPipeline::note_full_disk() {
  if (log_.writer().is_disk_full() == was_disk_full_) return;
  was_disk_full_ = !was_disk_full_;
  path_.set_disk_full(WritePath::FullFor::kLog, was_disk_full_);
  if (was_disk_full_) {
    host_.emit(EventKind::kDiskFull, "no space for another file of the log; it is retried until there is");
  } else {
    host_.emit(EventKind::kDiskFullOver, "there is space for the log again");
  }
}

void JournaledPipeline::hand_over(const Demand& demand) {
  log_.take_durable(durable_);
  Demand of_applier;
  of_applier.apply_to = demand.apply_to;
  of_applier.settle_from = demand.settle_from;
  of_applier.under_pressure = demand.under_pressure;
  of_applier.closing = demand.closing;
  // Lest the log runs out of room.
  if (const std::uint64_t end = log_.writer().wants_settled_to(); end != 0) {
    of_applier.apply_to = std::max(of_applier.apply_to, end - 1);
    of_applier.settle_from = std::min(of_applier.settle_from, end - 1);
  }
  thread_.hand_over(durable_, of_applier);
}

void JournaledPipeline::completed(const io::IoCompletion& completion) {
  DICTSQLITE_ASSERT(journal::LogWriter::owns(completion.tag), "all requests are the log's");
  const absl::Status status = log_.writer().completed(completion);
  // What came before the error is durable, whatever becomes of the rest.
  watermarks_.durable.raise(std::max(watermarks_.durable.value(), log_.writer().durable_end() - 1));
  if (!status.ok()) host_.pipeline_failed(status);
}

std::uint64_t JournaledPipeline::attempted() const noexcept { return log_.writer().attempted_end() - 1; }

void JournaledPipeline::publish_counters() noexcept {
  const journal::LogCounters& counters = log_.writer().counters();
  // Statistics: read by anyone, each on its own.
  counters_.log_blocks.store(counters.blocks, std::memory_order_relaxed);
  counters_.log_bytes_written.store(counters.block_bytes, std::memory_order_relaxed);
  counters_.log_waits.store(counters.segment_waits, std::memory_order_relaxed);
  counters_.log_file_bytes.store(log_.writer().file_bytes(), std::memory_order_relaxed);
}

// --- ending ---

bool JournaledPipeline::is_drained() {
  if (!log_.is_idle()) return false;
  thread_.end();
  return thread_.has_ended();
}

absl::Status JournaledPipeline::close(store::ClosingLog log) {
  thread_.end();
  thread_.join();
  if (applier_.store() == nullptr) return absl::OkStatus();
  if (watermarks_.applied.value() != watermarks_.durable.value()) {
    applier_.abandon();
    return absl::DeadlineExceededError(
        "closing took too long; what is not in SQLite's files yet is in the log, and the next open brings it there");
  }
  absl::Status status = applier_.close(log);
  if (status.ok()) log_.writer().remove_all();
  return status;
}

void JournaledPipeline::abandon() noexcept {
  thread_.end();
  thread_.give_up();
  thread_.join();
  applier_.abandon();
}

}  // namespace dictsqlite::flush
