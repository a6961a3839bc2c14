#include "journal/log_writer.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

#include <array>
#include <cerrno>
#include <new>

namespace dictsqlite::journal {

void LogWriter::Freer::operator()(std::byte* memory) const noexcept {
  ::operator delete[](memory, std::align_val_t{kUnit});
}

LogWriter::LogWriter(const Config& config, io::FileAccess& files, io::IoBackend& backend, std::uint64_t next_sequence)
    : config_(config),
      backend_(backend),
      segments_(config.space, config.identity, files, backend),
      builder_(next_sequence),
      blocks_(config.blocks_in_flight + 1),  // one is filled meanwhile
      durable_end_(next_sequence),
      attempted_end_(next_sequence) {
  DICTSQLITE_ASSERT(config.blocks_in_flight >= 1 && config.blocks_in_flight < kBlocksMax, "within its bounds");
  DICTSQLITE_ASSERT(config.block_bytes % kUnit == 0 && config.block_bytes + kUnit <= config.space.segment_bytes_min,
                    "a block fits every segment");
  for (Block& block : blocks_) {
    block.memory.reset(static_cast<std::byte*>(::operator new[](config.block_bytes, std::align_val_t{kUnit})));
  }
}

// --- beginning ---

absl::Status LogWriter::create() {
  absl::Status status = segments_.prepare();
  return status.ok() ? wait_while_preparing() : status;
}

absl::Status LogWriter::begin() {
  segments_.begin_life();
  absl::Status status = wait_while_preparing();
  if (!status.ok()) return status;
  segments_.advance(0);
  offset_ = kUnit;
  return absl::OkStatus();
}

absl::Status LogWriter::wait_while_preparing() {
  std::array<io::IoCompletion, 1> completion{};
  while (segments_.is_preparing() && !segments_.is_created()) {
    if (backend_.wait(base::kNever, completion) == 0) continue;
    absl::Status status = segments_.completed(completion[0].result);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// --- filling ---

bool LogWriter::add(RecordSource& record) {
  for (;;) {
    if (filling_ == kNone && !begin_block()) return false;
    if (builder_.add(record)) return true;
    if (!submit()) return false;
  }
}

bool LogWriter::begin_block() {
  for (std::size_t index = 0; index < blocks_.size(); ++index) {
    if (!blocks_[index].free) continue;
    filling_ = index;
    blocks_[index].free = false;
    builder_.begin(std::span(blocks_[index].memory.get(), config_.block_bytes));
    return true;
  }
  return false;
}

bool LogWriter::submit() {
  if (!has_unsubmitted()) return true;
  const std::size_t window = is_direct() || DICTSQLITE_SEEDED_BUG(kSeveralLogSyncs) ? config_.blocks_in_flight : 1;
  if (in_flight_.size() >= window || !find_room(builder_.bytes())) return false;
  Block& block = blocks_[filling_];
  block.offset = offset_;
  block.fd = segments_.current().fd;
  block.bytes = builder_.seal(
      config_.identity,
      {segments_.current().number, offset_, DICTSQLITE_SEEDED_BUG(kDurableEndAhead) ? builder_.end() : durable_end_});
  block.end = builder_.end();
  block.fruitless = 0;
  block.syncing = false;
  block.durable = false;
  offset_ += block.bytes.size();
  needed_end_ = builder_.end() + (builder_.is_within_record() ? 1 : 0);
  attempted_end_ = needed_end_;
  ++counters_.blocks;
  counters_.block_bytes += block.bytes.size();
  in_flight_.push_back(filling_);
  write(filling_);
  if (DICTSQLITE_SEEDED_BUG(kAckAtSubmission)) durable_end_ = block.end;
  filling_ = kNone;
  return true;
}

// A block lies in one segment.
bool LogWriter::find_room(std::size_t bytes) {
  if (offset_ + bytes <= segments_.current().bytes) return true;
  if (!segments_.is_ready()) {
    if (!waits_for_segment_) ++counters_.segment_waits;
    waits_for_segment_ = true;
    return false;
  }
  waits_for_segment_ = false;
  segments_.advance(needed_end_);
  offset_ = kUnit;
  return true;
}

void LogWriter::write(std::size_t index) {
  const Block& block = blocks_[index];
  const std::uint64_t tag = kFirstTag + index;
  if (is_direct()) {
    backend_.submit_durable_write(block.fd, block.bytes, block.offset, tag);
  } else {
    backend_.submit_write(block.fd, block.bytes, block.offset, tag);
  }
}

absl::Status LogWriter::look_ahead() {
  if (!is_half_full() || segments_.is_ready() || segments_.is_preparing()) return absl::OkStatus();
  return noting_full_disk(segments_.prepare());
}

absl::Status LogWriter::noting_full_disk(absl::Status status) noexcept {
  if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    disk_full_ = true;
    return absl::OkStatus();
  }
  if (segments_.is_ready()) disk_full_ = false;
  return status;
}

// --- completing ---

absl::Status LogWriter::completed(const io::IoCompletion& completion) {
  if (completion.tag != LogSegments::kTag) return block_completed(completion.tag - kFirstTag, completion.result);
  return noting_full_disk(segments_.completed(completion.result));
}

absl::Status LogWriter::block_completed(std::size_t index, std::int64_t result) {
  Block& block = blocks_[index];
  DICTSQLITE_ASSERT(!block.free && !block.durable, "a request has one completion");
  if (block.syncing) {
    if (result < 0 && DICTSQLITE_SEEDED_BUG(kLogSyncRetried)) {
      backend_.submit_data_sync(block.fd, kFirstTag + index);
      return absl::OkStatus();
    }
    if (result < 0 && !DICTSQLITE_SEEDED_BUG(kFailedLogSyncIsGood))
      return absl::InternalError(io::errno_status(static_cast<int>(-result), "sync of the log").message());
    block.durable = true;
    become_durable();
    return absl::OkStatus();
  }
  if (result <= 0 && !DICTSQLITE_SEEDED_BUG(kFailedLogWriteIsGood)) {
    const int error = result < 0 ? static_cast<int>(-result) : EIO;
    return absl::InternalError(io::errno_status(error, "write to the log").message());
  }
  const auto written = static_cast<std::size_t>(result);
  if (written < block.bytes.size() && !DICTSQLITE_SEEDED_BUG(kShortLogWriteIsWhole)) {
    const std::size_t whole = written / kUnit * kUnit;  // what direct I/O goes on from
    block.fruitless = whole == 0 ? block.fruitless + 1 : 0;
    if (block.fruitless == kFruitlessMax) {
      return absl::InternalError("write to the log: the file takes no whole unit of it");
    }
    block.bytes = block.bytes.subspan(whole);
    block.offset += whole;
    write(index);
    return absl::OkStatus();
  }
  if (is_direct()) {
    block.durable = true;
    become_durable();
    return absl::OkStatus();
  }
  block.syncing = true;
  backend_.submit_data_sync(block.fd, kFirstTag + index);
  return absl::OkStatus();
}

void LogWriter::become_durable() {
  while (!in_flight_.empty() && blocks_[in_flight_.front()].durable) {
    Block& block = blocks_[in_flight_.front()];
    durable_end_ = block.end;
    block.free = true;
    in_flight_.pop_front();
  }
}

}  // namespace dictsqlite::journal
