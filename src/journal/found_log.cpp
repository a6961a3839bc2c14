#include "journal/found_log.hpp"

#include "base/seeded_bug.hpp"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace dictsqlite::journal {

namespace {

constexpr std::size_t kReadBytes = 64 * kUnit;

// Longer numbers are not ours.
std::optional<std::uint64_t> number_of(const std::string& path, const std::string& prefix) {
  const std::string digits = path.substr(prefix.size());
  std::uint64_t number = 0;
  if (digits.empty() || digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(digits, &number)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

absl::StatusOr<FoundLog> FoundLog::find(io::FileAccess& files, const std::string& prefix, const LogIdentity& expected,
                                        LogLoss loss) {
  absl::StatusOr<std::vector<std::string>> paths = files.list(prefix);
  if (!paths.ok()) return paths.status();
  FoundLog found(files, loss);
  for (const std::string& path : *paths) {
    const std::optional<std::uint64_t> number = number_of(path, prefix);
    if (!number) continue;
    found.next_file_ = std::max(found.next_file_, *number + 1);
    absl::Status status = found.look_at(path, expected);
    if (absl::IsDataLoss(status)) {
      status = found.loses(status);
      found.misfits_.push_back(path);
    }
    if (!status.ok()) return status;
  }
  absl::Status status = found.check_segments(prefix, expected);
  if (absl::IsDataLoss(status)) status = found.loses(status);
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::string> FoundLog::any(io::FileAccess& files, const std::string& prefix) {
  const absl::StatusOr<std::vector<std::string>> paths = files.list(prefix);
  if (!paths.ok()) return paths.status();
  for (const std::string& path : *paths) {
    if (!number_of(path, prefix)) continue;
    const absl::StatusOr<io::FileFacts> facts = files.facts(path);
    if (!facts.ok()) return facts.status();
    if (facts->kind == io::FileKind::kRegular && facts->bytes > 0) return path;
  }
  return std::string();
}

absl::Status FoundLog::loses(const absl::Status& status) {
  if (loss_ == LogLoss::kRefused) return status;
  if (lost_.empty()) lost_ = std::string(status.message());
  return absl::OkStatus();
}

FoundLog::FoundLog(FoundLog&& other) noexcept
    : files_(other.files_),
      loss_(other.loss_),
      lost_(std::move(other.lost_)),
      segments_(std::exchange(other.segments_, {})),
      headers_(std::move(other.headers_)),
      over_(std::move(other.over_)),
      misfits_(std::move(other.misfits_)),
      never_begun_(other.never_begun_),
      next_file_(other.next_file_) {}

FoundLog::~FoundLog() {
  for (const Segment& segment : segments_) files_.close_file(segment.fd);
}

absl::Status FoundLog::look_at(const std::string& path, const LogIdentity& expected) {
  const absl::StatusOr<io::FileFacts> facts = files_.facts(path);
  if (!facts.ok()) return facts.status();
  if (facts->kind != io::FileKind::kRegular) return absl::OkStatus();
  const absl::StatusOr<int> fd = files_.open_file(path);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();  // its owner, who has just closed, removes it
  if (!fd.ok()) return fd.status();
  bool keeps_fd = false;
  absl::Status status = sort_in(path, *fd, expected, keeps_fd);
  if (!keeps_fd) files_.close_file(*fd);
  return status;
}

absl::Status FoundLog::sort_in(const std::string& path, int fd, const LogIdentity& expected, bool& keeps_fd) {
  std::array<std::byte, kUnit> unit{};
  const absl::StatusOr<std::size_t> got = files_.read(fd, 0, unit);
  if (!got.ok()) return got.status();
  const absl::StatusOr<SegmentHeader> header = read_segment_header(unit);
  if (absl::IsInvalidArgument(header.status())) {
    const absl::StatusOr<bool> blocks = has_blocks(fd, expected);
    if (!blocks.ok()) return blocks.status();
    if (*blocks)
      return absl::DataLossError(absl::StrCat("'", path, "' has lost its header, and has blocks of the log"));
    // Zeros are what creating one leaves behind when it is interrupted. Anything else is somebody's file.
    if (std::all_of(unit.begin(), unit.end(), [](std::byte byte) { return byte == std::byte{0}; })) {
      over_.push_back(path);
    }
    return absl::OkStatus();
  }
  if (!header.ok())
    return absl::Status(header.status().code(), absl::StrCat("'", path, "': ", header.status().message()));
  const LogIdentity& identity = header->identity;
  if (identity.database_id != expected.database_id) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is the log of another database: move it away"));
  }
  if (header->number == 0) {
    never_begun_ = never_begun_ || identity == expected;
    over_.push_back(path);
    return absl::OkStatus();
  }
  if (identity.epoch < expected.epoch && !DICTSQLITE_SEEDED_BUG(kOldLogReplayed)) {
    over_.push_back(path);
    return absl::OkStatus();
  }
  if (identity.epoch > expected.epoch) {
    return absl::DataLossError(
        absl::StrCat("'", path, "' is of a later life than the database: was an older copy of that put back?"));
  }
  if (identity == expected || DICTSQLITE_SEEDED_BUG(kOldLogReplayed)) {
    segments_.push_back({*header, path, fd});
    keeps_fd = true;
    return absl::OkStatus();
  }
  if (expected.life == 0) {
    over_.push_back(path);
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("'", path, "' and the database are of different lives: was an older copy of one put back?"));
}

absl::StatusOr<bool> FoundLog::has_blocks(int fd, const LogIdentity& expected) {
  std::vector<std::byte> bytes(kReadBytes);
  for (std::uint64_t offset = 0;; offset += kReadBytes) {
    const absl::StatusOr<std::size_t> got = files_.read(fd, offset, bytes);
    if (!got.ok()) return got.status();
    for (std::size_t at = 0; at < *got; at += kUnit) {
      if (begins_as_block_of(expected, std::span(bytes).first(*got).subspan(at))) return true;
    }
    if (*got < kReadBytes) return false;
  }
}

absl::Status FoundLog::check_segments(const std::string& prefix, const LogIdentity& expected) {
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.header.number < b.header.number; });
  for (const Segment& segment : segments_) {
    if (!headers_.empty() && headers_.back().number == segment.header.number) {
      return absl::DataLossError(absl::StrCat("'", segment.path, "' is there twice"));
    }
    headers_.push_back(segment.header);
  }
  if (expected.life != 0 && segments_.empty() && !never_begun_) {
    return absl::DataLossError(absl::StrCat("the log '", prefix,
                                            "N' is missing: what the database had acknowledged and "
                                            "not yet written to its file is in it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> FoundLog::read(std::size_t segment, std::uint64_t offset, std::span<std::byte> to) {
  return files_.read(segments_[segment].fd, offset, to);
}

absl::Status FoundLog::remove_misfits() {
  if (misfits_.empty()) return absl::OkStatus();
  for (const std::string& path : misfits_) files_.remove(path);
  absl::Status status = files_.sync_directory(misfits_.front());
  if (status.ok()) misfits_.clear();
  return status;
}

void FoundLog::remove_all() noexcept {
  for (const std::string& path : over_) files_.remove(path);
  for (const Segment& segment : segments_) {
    files_.close_file(segment.fd);
    files_.remove(segment.path);
  }
  over_.clear();
  segments_.clear();
  headers_.clear();
}

}  // namespace dictsqlite::journal
