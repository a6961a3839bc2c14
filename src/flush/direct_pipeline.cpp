#include "flush/direct_pipeline.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace dictsqlite::flush {

namespace {

constexpr std::uint64_t kSyncTag = 1;

}  // namespace

DirectPipeline::DirectPipeline(Config config, PipelineHost& host, WritePath& path, cache::Cache& cache,
                               Watermarks& watermarks, FlushCounters& counters)
    : config_(std::move(config)),
      host_(host),
      watermarks_(watermarks),
      applier_(config_.policy, Applier::Durable::kRaised, config_.clock, *this, path, cache, watermarks, counters) {}

absl::Status DirectPipeline::open(io::IoBackend& backend) {
  backend_ = &backend;
  absl::StatusOr<RecoveredStore> recovered =
      open_and_recover(config_.store, config_.replay_bytes, config_.log_loss, config_.files, config_.clock);
  if (!recovered.ok()) return recovered.status();
  absl::Status status = recovered->store->writer().begin_life(0);
  if (!status.ok()) return status;
  recovered->old_log.remove_all();
  recovery_ = recovered->facts;
  applier_.begin(std::move(recovered->store));
  return absl::OkStatus();
}

Demand DirectPipeline::for_applier(Demand demand) noexcept {
  demand.apply_to = std::max(demand.apply_to, demand.durable_to);
  demand.settle_from = std::min(demand.settle_from, demand.durable_from);
  return demand;
}

bool DirectPipeline::is_asked(const Demand& demand) const noexcept {
  return for_applier(demand).apply_to > watermarks_.applied.value();
}

void DirectPipeline::start_sync(int fd) { backend_->submit_data_sync(fd, kSyncTag); }

void DirectPipeline::completed(const io::IoCompletion& completion) {
  DICTSQLITE_ASSERT(completion.tag == kSyncTag, "there is one kind of request");
  applier_.sync_finished(completion.result);
}

}  // namespace dictsqlite::flush
