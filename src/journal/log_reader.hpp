// Reading a life's log after it ended uncleanly: which records it holds for certain, and whether that is all that had
// been acknowledged, as far as the log can tell.
//
//   [segment 4: H B B B B .][segment 5: H B B x B .]      x: not whole
//                                  ^end ^          the log ends at the first block that is not whole or does not follow
//
// Reading begins with the newest segment that begins with what SQLite has: what is before it is settled, or waits to be
// used again. A block behind the end may be a write that was in flight beside the missing one: nobody had been told of
// either. But if it says that records beyond the end were durable when it was written, what is missing had been
// acknowledged, and the log is damaged rather than torn. Of the last blocks, which no later one speaks of, that cannot
// be told.
//
// Thread-safety: none. Nothing is written.
#pragma once

#include "journal/log_format.hpp"
#include "journal/record.hpp"

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace dictsqlite::journal {

/// The segments of one life, as they were found.
class LogFiles {
 public:
  virtual ~LogFiles() = default;
  /// Reads from a segment, by its index in `headers`, as many bytes as there are. Errors: as the file system's.
  [[nodiscard]] virtual absl::StatusOr<std::size_t> read(std::size_t segment, std::uint64_t offset,
                                                         std::span<std::byte> to) = 0;
};

struct LogContent {
  std::uint64_t end = 0;      // every record below it is in SQLite or was given
  std::uint64_t records = 0;  // that were given
  std::uint64_t blocks = 0;   // that were read
};

/// A record that is to be applied. The rows are valid during the call.
using OnLogRecord = absl::FunctionRef<absl::Status(std::uint64_t sequence, std::span<const LogRow> rows)>;

/// Reads the log of the life that the segments' headers name. `headers` are in the order of their numbers, all of one
/// life; a number may be missing. `applied_end` is the sequence after the last one that SQLite has, of the same life or
/// the one that it began after. Records below it are passed over; from there on each is given, in order.
/// Errors: kDataLoss (what was acknowledged is missing or damaged; records before that have been given), what reading
/// or `on_record` returns. Cost: reads every segment once, but for a second look at the first unit of each block;
/// memory: a block, and up to three times an unfinished record.
[[nodiscard]] absl::StatusOr<LogContent> read_log(std::span<const SegmentHeader> headers, LogFiles& files,
                                                  std::uint64_t applied_end, OnLogRecord on_record);

}  // namespace dictsqlite::journal
