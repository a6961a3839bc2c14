// What the process that is going to be killed says on its pipe: fixed-size events, each written in one piece.
#pragma once

#include <cstdint>

namespace dictsqlite::kill_loop {

/// The pipe in the child. Not standard output, where anybody may print.
inline constexpr int kReportFd = 3;

enum class EventKind : std::uint8_t {
  kOpening,       // about to open the database
  kRow,           // after opening: `number` bytes of key and `size` bytes of value follow
  kOpened,        // all rows were sent; writing begins
  kStarted,       // about to start write `number` of `writer`
  kAccepted,      // that write's Ack::kAccepted came
  kDurable,       // that write's Ack::kDurable came
  kFenceStarted,  // about to start the sync or flush after that write
  kFenceDone,     // it returned Ok
  kClosed,        // close returned Ok
  kFailed,        // the database has failed, as it should, and said so to everyone
};

struct ReportEvent {
  EventKind kind;
  std::uint8_t writer;
  std::uint16_t unused;
  std::uint32_t size;
  std::uint64_t number;
};
static_assert(sizeof(ReportEvent) == 16);

}  // namespace dictsqlite::kill_loop
