/// \file
/// EventHook: the library's only outlet for messages.
#pragma once

#include <cstdint>
#include <string_view>

namespace dictsqlite {

enum class EventKind : std::uint8_t {
  kIoBackendFallback,  ///< io_uring was refused; the threads backend serves instead
  kFailed,             ///< a write or sync failed; writes are refused until the database is reopened
  kDiskFull,           ///< a transaction, or the copying of the log, found no space; it is retried
  kDiskFullOver,       ///< space came back; everything that waited is being written
  kCheckpointBlocked,  ///< a reader keeps the write-ahead log from being emptied
  kLogLost,            ///< open() found the log missing or damaged, and was told to accept that
  kClosedWithLoss,     ///< the destructor gave up after Options::close_timeout; the message counts what was lost
};

struct Event {
  EventKind kind;
  std::string_view message;  ///< one English sentence; valid during the call
};

/// Called from the library's threads, or from the thread that opens or destroys a database; two calls may overlap. It
/// must return quickly, must not throw, and must not call into the same database.
struct EventHook {
  void (*function)(void* context, const Event& event) noexcept = nullptr;
  void* context = nullptr;
};

}  // namespace dictsqlite
