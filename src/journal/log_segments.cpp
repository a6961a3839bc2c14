#include "journal/log_segments.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace dictsqlite::journal {

namespace {

// The bound on all files counts from here.
constexpr std::size_t kFilesMin = 2;

absl::Status failed(const std::string& path, const char* operation, std::int64_t result) {
  return absl::InternalError(
      io::errno_status(static_cast<int>(-result), absl::StrCat(operation, " of '", path, "'")).message());
}

}  // namespace

LogSegments::LogSegments(const LogSpace& space, const LogIdentity& identity, io::FileAccess& files,
                         io::IoBackend& backend)
    : space_(space),
      identity_(identity),
      files_(files),
      backend_(backend),
      caching_(space.caching),
      durable_writes_(space.caching == io::FileCaching::kDirect),
      next_file_(space.first_file),
      units_(std::make_unique<Units>()) {}

LogSegments::~LogSegments() { close_all(); }

// --- making one ready ---

absl::Status LogSegments::prepare() {
  if (step_ != Step::kNothing) return absl::OkStatus();
  if (!free_.empty()) {
    next_ = std::move(free_.back());
    free_.pop_back();
    write_header();
    return absl::OkStatus();
  }
  return is_full() ? absl::OkStatus() : create();
}

absl::Status LogSegments::create() {
  next_ = {};
  next_.path = absl::StrCat(space_.prefix, next_file_);
  absl::StatusOr<int> fd = files_.create_file(next_.path, caching_);
  if (absl::IsUnimplemented(fd.status()) && next_number_ == 1) {
    caching_ = io::FileCaching::kCached;
    durable_writes_ = false;
    fd = files_.create_file(next_.path, caching_);
  }
  if (!fd.ok()) return fd.status();
  next_.fd = *fd;
  next_.bytes = next_file_bytes();
  written_ = 0;
  fruitless_ = 0;
  // So that recovery knows the first file of a life that may not have begun.
  const bool is_first = next_number_ == 1;
  std::fill(std::begin(units_->header), std::end(units_->header), std::byte{0});
  if (is_first) write_segment_header({identity_, 0, next_.bytes}, std::span(units_->header));
  write_zeros();
  return absl::OkStatus();
}

std::uint64_t LogSegments::next_file_bytes() const noexcept {
  const std::uint64_t made = next_file_ - space_.first_file;
  return std::min(space_.segment_bytes_max, space_.segment_bytes_min << std::min<std::uint64_t>(made, 20));
}

void LogSegments::write_zeros() {
  step_ = Step::kZeros;
  std::span<const std::byte> bytes = std::span(units_->header);
  if (written_ != 0) {
    bytes = std::span(units_->zeros).first(std::min<std::uint64_t>(sizeof(units_->zeros), next_.bytes - written_));
  }
  backend_.submit_write(next_.fd, bytes, written_, kTag);
}

void LogSegments::write_header() {
  step_ = Step::kHeader;
  next_.number = next_number_++;
  write_segment_header({identity_, next_.number, next_.bytes}, std::span(units_->header));
  const std::span<const std::byte> bytes = std::span(units_->header);
  if (durable_writes_ && !DICTSQLITE_SEEDED_BUG(kSegmentHeaderNotDurable)) {
    backend_.submit_durable_write(next_.fd, bytes, 0, kTag);
  } else {
    backend_.submit_write(next_.fd, bytes, 0, kTag);
  }
}

absl::Status LogSegments::completed(std::int64_t result) {
  switch (step_) {
    case Step::kZeros:
      return zeros_written(result);
    case Step::kFileSync:
      if (result < 0) return failed(next_.path, "sync", result);
      step_ = Step::kDirectorySync;
      backend_.submit_full_sync(DICTSQLITE_SEEDED_BUG(kDirectoryNotSynced) ? next_.fd : directory_, kTag);
      return absl::OkStatus();
    case Step::kDirectorySync:
      files_.close_file(std::exchange(directory_, -1));
      if (result < 0) return failed(next_.path, "sync of the directory", result);
      ++next_file_;
      bytes_ += next_.bytes;
      if (next_number_ == 1) {
        step_ = Step::kCreated;
      } else {
        write_header();
      }
      return absl::OkStatus();
    case Step::kHeader:
      if (durable_writes_ && next_.number == 1 && (result == -EINVAL || result == -EOPNOTSUPP)) {
        durable_writes_ = false;  // not here; then by a sync of its own
        next_number_ = 1;
        write_header();
        return absl::OkStatus();
      }
      if (result >= 0 && result < static_cast<std::int64_t>(kUnit) && ++fruitless_ < kFruitlessMax) {
        --next_number_;
        write_header();
        return absl::OkStatus();
      }
      if (result != static_cast<std::int64_t>(kUnit)) return failed(next_.path, "write", result < 0 ? result : -EIO);
      fruitless_ = 0;
      step_ = durable_writes_ ? Step::kReady : Step::kHeaderSync;
      if (!durable_writes_) backend_.submit_data_sync(next_.fd, kTag);
      return absl::OkStatus();
    case Step::kHeaderSync:
      if (result < 0) return failed(next_.path, "sync", result);
      step_ = Step::kReady;
      return absl::OkStatus();
    case Step::kNothing:
    case Step::kCreated:
    case Step::kReady:
      break;
  }
  DICTSQLITE_ASSERT(false, "no request of the segments is in flight");
  return absl::OkStatus();
}

absl::Status LogSegments::zeros_written(std::int64_t result) {
  if (result == -EINVAL && caching_ == io::FileCaching::kDirect && next_number_ == 1) {
    give_up_creating();  // the disk wants other multiples than ours
    caching_ = io::FileCaching::kCached;
    durable_writes_ = false;
    return create();
  }
  if (result <= 0) {
    const int error = result < 0 ? static_cast<int>(-result) : EIO;
    absl::Status status = io::errno_status(error, absl::StrCat("writing '", next_.path, "'"));
    if (!io::is_no_space(error)) return absl::InternalError(status.message());
    give_up_creating();
    return status;
  }
  // Of a short write what is whole.
  const std::uint64_t whole = static_cast<std::uint64_t>(result) / kUnit * kUnit;
  fruitless_ = whole == 0 ? fruitless_ + 1 : 0;
  if (fruitless_ == kFruitlessMax) return failed(next_.path, "write", -EIO);
  written_ += whole;
  if (written_ < next_.bytes) {
    write_zeros();
    return absl::OkStatus();
  }
  const absl::StatusOr<int> directory = files_.open_directory_of(next_.path);
  if (!directory.ok()) {
    give_up_creating();
    return directory.status();
  }
  directory_ = *directory;
  step_ = Step::kFileSync;
  backend_.submit_data_sync(next_.fd, kTag);
  return absl::OkStatus();
}

void LogSegments::give_up_creating() noexcept {
  files_.close_file(std::exchange(next_.fd, -1));
  files_.remove(next_.path);
  step_ = Step::kNothing;
}

void LogSegments::begin_life() {
  DICTSQLITE_ASSERT(step_ == Step::kCreated, "the first file is created before");
  write_header();
}

// --- using them ---

void LogSegments::advance(std::uint64_t needed_end) {
  DICTSQLITE_ASSERT(step_ == Step::kReady, "the next segment is ready");
  if (current_.fd >= 0) {
    current_.needed_end = needed_end;
    used_.push_back(std::move(current_));
  }
  current_ = std::exchange(next_, {});
  step_ = Step::kNothing;
}

void LogSegments::settled_to(std::uint64_t end) {
  while (!used_.empty() && (used_.front().needed_end <= end || DICTSQLITE_SEEDED_BUG(kSegmentReusedEarly))) {
    free_.push_back(std::move(used_.front()));
    used_.pop_front();
  }
}

bool LogSegments::is_full() const noexcept {
  const std::uint64_t files = next_file_ - space_.first_file;
  return free_.empty() && files >= kFilesMin && bytes_ + next_file_bytes() > space_.bytes_max;
}

// --- ending ---

void LogSegments::remove_all() noexcept {
  for (LogFile* file : {&next_, &current_}) {
    if (file->fd >= 0) free_.push_back(std::exchange(*file, {}));
  }
  for (LogFile& file : used_) free_.push_back(std::move(file));
  used_.clear();
  for (const LogFile& file : free_) files_.remove(file.path);
  close_all();
}

void LogSegments::close_all() noexcept {
  const auto close = [this](LogFile& file) {
    if (file.fd >= 0) files_.close_file(std::exchange(file.fd, -1));
  };
  close(next_);
  close(current_);
  for (LogFile& file : used_) close(file);
  for (LogFile& file : free_) close(file);
  if (directory_ >= 0) files_.close_file(std::exchange(directory_, -1));
  step_ = Step::kNothing;
}

}  // namespace dictsqlite::journal
