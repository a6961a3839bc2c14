// LogSegments: the files that a life's log goes to. One is written; the next is made ready meanwhile; those whose
// records are all settled wait to be used again.
//
//   created: zeros, data sync, sync of the directory --> header, durable --> ready --> current --> used --> free
//                                                        ^------------------------------------------------|
//
// A file gets its whole length in zeros before its header: a durable write into it then changes no metadata, which is
// what makes one cheap (fallocate() alone leaves extents that the first write has to convert).
//
// Thread-safety: none; the thread of the I/O backend.
// Ownership:     owns the files' descriptors. Borrows files and backend, which outlive it; a request may be in flight
//                while it lives: destroy it after the backend's finish().
#pragma once

#include "io/file_access.hpp"
#include "io/io_backend.hpp"
#include "journal/log_format.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::journal {

/// Writes that wrote less than a unit, one after another, before that is an error.
inline constexpr int kFruitlessMax = 8;

/// Where the log may lie, and how much of it.
struct LogSpace {
  std::string prefix;                                  // of the files' paths; a number follows
  std::uint64_t first_file = 1;                        // that number, of the first file: no such one exists
  std::uint64_t segment_bytes_min = 1u << 20;          // of the first file; each further one has twice as much,
  std::uint64_t segment_bytes_max = 32u << 20;         // at most this. Whole units
  std::uint64_t bytes_max = 256u << 20;                // of all files together, but two there are always
  io::FileCaching caching = io::FileCaching::kDirect;  // kCached where that does not work
};

struct LogFile {
  int fd = -1;
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t number = 0;      // of the segment
  std::uint64_t needed_end = 0;  // free when everything below it is settled
};

class LogSegments {
 public:
  static constexpr std::uint64_t kTag = 2;  // of its requests; one is in flight at a time

  LogSegments(const LogSpace& space, const LogIdentity& identity, io::FileAccess& files, io::IoBackend& backend);
  ~LogSegments();
  LogSegments(const LogSegments&) = delete;
  LogSegments& operator=(const LogSegments&) = delete;

  /// Starts making a segment ready, unless one is or is on its way, or there is no room for it within the bound.
  /// Errors: as FileAccess::create_file(). kUnavailable and kResourceExhausted may be tried again.
  [[nodiscard]] absl::Status prepare();
  /// The result of the request in flight. Errors: kUnavailable (no space: may be prepared again), others are final.
  [[nodiscard]] absl::Status completed(std::int64_t result);

  /// The first file stops when it is created, until the life that writes it is durable in the database.
  [[nodiscard]] bool is_created() const noexcept { return step_ == Step::kCreated; }
  void begin_life();
  [[nodiscard]] bool is_preparing() const noexcept { return step_ != Step::kNothing && step_ != Step::kReady; }
  [[nodiscard]] bool is_ready() const noexcept { return step_ == Step::kReady; }

  /// The one that is ready becomes the current one. `needed_end` is that of the current one so far.
  void advance(std::uint64_t needed_end);
  [[nodiscard]] const LogFile& current() const noexcept { return current_; }

  /// Everything below `end` is settled.
  void settled_to(std::uint64_t end);
  /// The end to which records would have to be settled so that there is a free file; 0 if that would not help.
  [[nodiscard]] std::uint64_t first_needed_end() const noexcept { return used_.empty() ? 0 : used_.front().needed_end; }
  /// No file is free and none may be created.
  [[nodiscard]] bool is_full() const noexcept;
  /// Durable writes report their own errors, so that several may be in flight.
  [[nodiscard]] bool are_writes_durable() const noexcept { return durable_writes_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// Removes all files. Nothing is in flight, and nothing is written afterwards.
  void remove_all() noexcept;

 private:
  enum class Step : std::uint8_t {
    kNothing,
    kZeros,
    kFileSync,
    kDirectorySync,
    kCreated,
    kHeader,
    kHeaderSync,
    kReady,
  };

  [[nodiscard]] absl::Status create();
  void write_zeros();
  void write_header();
  [[nodiscard]] absl::Status zeros_written(std::int64_t result);
  void give_up_creating() noexcept;
  void close_all() noexcept;
  [[nodiscard]] std::uint64_t next_file_bytes() const noexcept;

  const LogSpace space_;
  const LogIdentity identity_;
  io::FileAccess& files_;
  io::IoBackend& backend_;
  io::FileCaching caching_;
  bool durable_writes_;

  Step step_ = Step::kNothing;
  LogFile next_;               // that is made ready
  std::uint64_t written_ = 0;  // of its zeros
  int fruitless_ = 0;          // writes in a row that wrote less than a unit
  int directory_ = -1;
  LogFile current_;
  std::deque<LogFile> used_;   // in the order of their segments
  std::vector<LogFile> free_;  // settled
  std::uint64_t next_number_ = 1;
  std::uint64_t next_file_;
  std::uint64_t bytes_ = 0;  // of all files
  // What is written: a header, and zeros. In whole units, for direct I/O.
  struct alignas(kUnit) Units {
    std::byte header[kUnit];
    std::byte zeros[64 * kUnit];
  };
  const std::unique_ptr<Units> units_;
};

}  // namespace dictsqlite::journal
