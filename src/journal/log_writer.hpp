// LogWriter: writes records to the log, block by block, with several blocks in flight that become durable in order.
//
//   add --> block being filled --submit--> in flight --> durable, in order --> durable_end
//
// While blocks are in flight the next one fills: that is the group of the group commit. Where durable writes do not
// work as such (no direct I/O), one block is in flight at a time, written and then synced: of two syncs of a file in
// flight only one would be told of an error.
//
// Thread-safety: none; the thread of the I/O backend.
// Ownership:     owns the blocks' memory and, through LogSegments, the files. Borrows files and backend, as there.
#pragma once

#include "io/file_access.hpp"
#include "io/io_backend.hpp"
#include "journal/block_builder.hpp"
#include "journal/log_segments.hpp"
#include "journal/record.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace dictsqlite::journal {

struct LogCounters {
  std::uint64_t blocks = 0;         // written
  std::uint64_t block_bytes = 0;    // in them
  std::uint64_t segment_waits = 0;  // blocks that had to wait for a segment
};

class LogWriter {
 public:
  struct Config {
    LogSpace space;
    LogIdentity identity;
    std::size_t block_bytes = 256u << 10;  // whole units; no larger than the smallest segment less a unit
    std::size_t blocks_in_flight = 8;      // at most kBlocksMax
  };
  static constexpr std::size_t kBlocksMax = 32;

  /// `next_sequence` is that of the first record.
  LogWriter(const Config& config, io::FileAccess& files, io::IoBackend& backend, std::uint64_t next_sequence);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// Creates the first file, and waits for it. The database is told of this life after that, durably, and before
  /// begin(). Errors: as LogSegments.
  [[nodiscard]] absl::Status create();
  /// From now on there may be blocks. Waits.
  [[nodiscard]] absl::Status begin();

  /// Adds a record, submitting each block that it fills. False if there is no room for all of it: the same record is
  /// added again when a completion has come.
  [[nodiscard]] bool add(RecordSource& record);
  /// Submits the block being filled, as far as it is. False if it has to wait for a completion.
  bool submit();
  /// Whether something was added and not submitted.
  [[nodiscard]] bool has_unsubmitted() const noexcept { return filling_ != kNone && !builder_.is_empty(); }
  /// How many blocks are in flight.
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.size(); }

  /// Whether a completion is for this writer.
  [[nodiscard]] static bool owns(std::uint64_t tag) noexcept {
    return tag == LogSegments::kTag || (tag >= kFirstTag && tag < kFirstTag + kBlocksMax);
  }
  /// Errors: final; what was in flight may or may not survive. A full disk is none.
  [[nodiscard]] absl::Status completed(const io::IoCompletion& completion);
  /// Makes the next segment ready in time. To be called now and then, and again after a full disk. Errors: as
  /// LogSegments::prepare().
  [[nodiscard]] absl::Status look_ahead();

  /// Records below it survive power loss.
  [[nodiscard]] std::uint64_t durable_end() const noexcept { return durable_end_; }
  /// Of records from it on no byte was handed to the kernel.
  [[nodiscard]] std::uint64_t attempted_end() const noexcept { return attempted_end_; }

  /// Everything below `end` is settled.
  void settled_to(std::uint64_t end) { segments_.settled_to(end); }
  /// The end to which records have to be settled lest the log runs out of room; 0 if it does not.
  [[nodiscard]] std::uint64_t wants_settled_to() const noexcept {
    return is_half_full() && !segments_.is_ready() && (segments_.is_full() || disk_full_) ? segments_.first_needed_end()
                                                                                          : 0;
  }
  [[nodiscard]] bool is_disk_full() const noexcept { return disk_full_; }
  [[nodiscard]] bool is_idle() const noexcept { return in_flight_.empty() && !segments_.is_preparing(); }

  [[nodiscard]] const LogCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return segments_.bytes(); }
  /// Several blocks may be in flight.
  [[nodiscard]] bool is_direct() const noexcept { return segments_.are_writes_durable(); }

  /// After everything was settled and the database knows that there is no log any more. Nothing is in flight.
  void remove_all() noexcept { segments_.remove_all(); }

 private:
  static constexpr std::uint64_t kFirstTag = 16;
  static constexpr std::size_t kNone = ~std::size_t{0};

  struct Freer {
    void operator()(std::byte* memory) const noexcept;
  };
  struct Block {
    std::unique_ptr<std::byte[], Freer> memory;
    std::span<const std::byte> bytes;  // that are to be written
    std::uint64_t offset = 0;
    std::uint64_t end = 0;  // records below it are durable with this block and those before
    int fd = -1;
    int fruitless = 0;  // writes in a row that wrote less than a unit
    bool syncing = false;
    bool durable = false;
    bool free = true;
  };

  [[nodiscard]] absl::Status wait_while_preparing();
  [[nodiscard]] absl::Status noting_full_disk(absl::Status status) noexcept;
  bool begin_block();
  [[nodiscard]] bool find_room(std::size_t bytes);
  void write(std::size_t index);
  [[nodiscard]] absl::Status block_completed(std::size_t index, std::int64_t result);
  void become_durable();
  [[nodiscard]] bool is_half_full() const noexcept { return offset_ >= segments_.current().bytes / 2; }

  const Config config_;
  io::IoBackend& backend_;
  LogSegments segments_;
  BlockBuilder builder_;
  std::vector<Block> blocks_;
  std::size_t filling_ = kNone;
  std::deque<std::size_t> in_flight_;  // in order
  std::uint64_t offset_ = 0;           // in the current segment
  std::uint64_t needed_end_ = 0;       // of it: beyond every record that has a byte in it
  std::uint64_t durable_end_;
  std::uint64_t attempted_end_;
  bool waits_for_segment_ = false;
  bool disk_full_ = false;
  LogCounters counters_;
};

}  // namespace dictsqlite::journal
