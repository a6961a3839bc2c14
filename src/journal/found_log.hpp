// FoundLog: the files of a log beside a database, as the end of a life left them, sorted by what they are.
//
// Which log to expect, the database says (its meta row): the epoch and a number by chance, or that there is none. A
// file that is there and should not be, or the other way round, is damage, but for what a crash between two steps of
// beginning or ending a life leaves behind.
//
// Thread-safety: none. Nothing is written; the owner of the database calls.
#pragma once

#include "io/file_access.hpp"
#include "journal/log_format.hpp"
#include "journal/log_reader.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dictsqlite::journal {

/// What becomes of a log that is missing, damaged, or not of the database's last life.
enum class LogLoss : std::uint8_t {
  kRefused,   // an error
  kAccepted,  // what is there and fits is read, and files of this database that do not fit are over
};

/// Ownership: descriptors of the segments' files; borrows `files`.
class FoundLog final : public LogFiles {
 public:
  /// Looks at all files whose path is `prefix` and a number. `expected` is the log of the life that ended; its `life`
  /// is 0 if that had none, or ended cleanly. Errors: kDataLoss (the log is missing, newer than the database, or
  /// damaged), kInvalidArgument (of another database), kUnimplemented (of a newer format), what reading them returns.
  /// Files that are no logs are left alone.
  [[nodiscard]] static absl::StatusOr<FoundLog> find(io::FileAccess& files, const std::string& prefix,
                                                     const LogIdentity& expected, LogLoss loss = LogLoss::kRefused);
  /// The path of a file that may be of a log, one that is not empty; or an empty string.
  [[nodiscard]] static absl::StatusOr<std::string> any(io::FileAccess& files, const std::string& prefix);
  ~FoundLog() override;
  FoundLog(FoundLog&& other) noexcept;
  FoundLog& operator=(FoundLog&&) = delete;

  /// The segments of the expected life, for read_log(), by their numbers.
  [[nodiscard]] std::span<const SegmentHeader> headers() const noexcept { return headers_; }
  [[nodiscard]] absl::StatusOr<std::size_t> read(std::size_t segment, std::uint64_t offset,
                                                 std::span<std::byte> to) override;

  /// With kAccepted: the first thing that did not fit; empty if everything did.
  [[nodiscard]] const std::string& lost() const noexcept { return lost_; }
  /// With kAccepted, when what fits is settled: removes for good what does not, before the next life begins, which it
  /// would stand in the way of a second time if that life ended early. Errors: what syncing the directory returns.
  [[nodiscard]] absl::Status remove_misfits();
  /// A number that no file has.
  [[nodiscard]] std::uint64_t next_file() const noexcept { return next_file_; }
  /// When what was in them is settled, and the next life has begun: removes all files of lives that have ended.
  void remove_all() noexcept;

 private:
  struct Segment {
    SegmentHeader header;
    std::string path;
    int fd;
  };

  FoundLog(io::FileAccess& files, LogLoss loss) noexcept : files_(files), loss_(loss) {}
  [[nodiscard]] absl::Status loses(const absl::Status& status);
  [[nodiscard]] absl::Status look_at(const std::string& path, const LogIdentity& expected);
  [[nodiscard]] absl::Status sort_in(const std::string& path, int fd, const LogIdentity& expected, bool& keeps_fd);
  [[nodiscard]] absl::StatusOr<bool> has_blocks(int fd, const LogIdentity& expected);
  [[nodiscard]] absl::Status check_segments(const std::string& prefix, const LogIdentity& expected);

  io::FileAccess& files_;
  LogLoss loss_;
  std::string lost_;
  std::vector<Segment> segments_;
  std::vector<SegmentHeader> headers_;
  std::vector<std::string> over_;     // of lives that have ended
  std::vector<std::string> misfits_;  // what was accepted to be lost
  bool never_begun_ = false;          // the expected life has a file, and had not begun to write
  std::uint64_t next_file_ = 1;
};

}  // namespace dictsqlite::journal
