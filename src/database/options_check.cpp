#include "database/options_check.hpp"

#include "entry/entry.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

namespace dictsqlite::detail {

namespace {

template <class Number>
struct Range {
  const char* name;
  Number value;
  Number least;
  Number most;
};
using Quantity = Range<std::uint64_t>;
using Time = Range<std::int64_t>;  // signed as durations are, so that a negative one is shown as it is

template <class Number>
absl::Status check(const Range<Number>& range) {
  if (range.value >= range.least && range.value <= range.most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Options::", range.name, " is ", range.value, "; it must be ", range.least, " to ", range.most));
}

absl::Status no_power_of_two(const char* name, std::uint64_t value) {
  return absl::InvalidArgumentError(absl::StrCat("Options::", name, " is ", value, "; it must be a power of two"));
}

absl::Status check_path(const Options& options) {
  if (options.persist_mode == PersistMode::kMemory) return absl::OkStatus();
  if (options.path.empty()) return absl::InvalidArgumentError("Options::path is empty");
  if (options.path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError("Options::path contains a NUL byte");
  return absl::OkStatus();
}

absl::Status check_executor(const Executor& executor) {
  if (executor || executor.context == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError("Options::executor has a context but no post function");
}

absl::Status check_enums(const Options& options) {
  if (options.persist_mode > PersistMode::kWriteThrough)
    return absl::InvalidArgumentError("Options::persist_mode is no PersistMode");
  if (options.journal > Journal::kOn) return absl::InvalidArgumentError("Options::journal is no Journal");
  if (options.log_loss > LogLoss::kAccept) return absl::InvalidArgumentError("Options::log_loss is no LogLoss");
  if (options.disk_full > DiskFull::kRefuse) return absl::InvalidArgumentError("Options::disk_full is no DiskFull");
  if (options.io_backend > IoBackendChoice::kThreads)
    return absl::InvalidArgumentError("Options::io_backend is no IoBackendChoice");
  return absl::OkStatus();
}

}  // namespace

absl::Status check_options(const Options& options) {
  absl::Status status = check_enums(options);
  status.Update(check_path(options));
  status.Update(check_executor(options.executor));
  constexpr std::uint64_t kMiB = 1u << 20;
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  const Quantity quantities[] = {
      {"buffer_size", options.buffer_size, 1, 1u << 20},
      {"ring_capacity", options.ring_capacity, 16, 1u << 22},
      {"cache_bytes", options.cache_bytes, kMiB, 16 * kGiB},
      {"unapplied_bytes", options.unapplied_bytes, kMiB, 8 * kGiB},
      {"key_bytes_max", options.key_bytes_max, 1, entry::kKeyBytesMax},
      {"value_bytes_max", options.value_bytes_max, 1, 512 * kMiB},
      {"batch_bytes_max", options.batch_bytes_max, 1, 8 * kGiB},
      {"batch_rows_max", options.batch_rows_max, 1, 1u << 20},
      {"loads_max", options.loads_max, 1, 1u << 20},
      {"page_bytes", options.page_bytes, 512, 65'536},
      {"writer_cache_bytes", options.writer_cache_bytes, 64u << 10, 4 * kGiB},
      {"reader_cache_bytes", options.reader_cache_bytes, 64u << 10, 4 * kGiB},
      {"reader_map_bytes", options.reader_map_bytes, 0, 1024 * kGiB},
      {"wal_bytes", options.wal_bytes, 64u << 10, 64 * kGiB},
      {"log_bytes", options.log_bytes, 4 * kMiB, 64 * kGiB},
      {"scans_max", options.scans_max, 1, 1024},
  };
  constexpr std::int64_t kHourMs = 3'600'000;
  const Time times[] = {
      {"flush_interval (ms)", options.flush_interval.count(), 1, kHourMs},
      {"scan_time_max (ms)", options.scan_time_max.count(), 10, kHourMs},
      {"poll_time (us)", options.poll_time.count(), 0, 1'000'000},
      {"close_timeout (ms)", options.close_timeout.count(), 0, kHourMs},
  };
  for (const Quantity& quantity : quantities) status.Update(check(quantity));
  for (const Time& time : times) status.Update(check(time));
  if (!status.ok()) return status;
  if (!std::has_single_bit(options.ring_capacity)) return no_power_of_two("ring_capacity", options.ring_capacity);
  if (!std::has_single_bit(options.page_bytes)) return no_power_of_two("page_bytes", options.page_bytes);
  // A write that can never be admitted would wait for ever. What entries take beyond key and value is bounded by twice
  // their bytes and a small constant each.
  const std::uint64_t budget = options.unapplied_bytes;
  if (options.key_bytes_max + options.value_bytes_max + 16'384 > budget) {
    return absl::InvalidArgumentError(
        "Options::value_bytes_max is too large for Options::unapplied_bytes: the largest write would wait for ever");
  }
  if (options.batch_bytes_max * 9 / 8 + 16'384 > budget) {
    return absl::InvalidArgumentError(
        "Options::batch_bytes_max is too large for Options::unapplied_bytes: the largest batch would wait for ever");
  }
  // A record has to fit the log's files beside what they hold of others, in segments of up to an eighth.
  constexpr std::uint64_t kRowHeadMax = 32;
  const std::uint64_t record_max = options.log_bytes / 8 * 3;
  const std::uint64_t batch_heads =
      std::min<std::uint64_t>(options.batch_rows_max, options.batch_bytes_max) * kRowHeadMax;
  const bool fits = options.key_bytes_max + options.value_bytes_max + 16'384 <= record_max &&
                    options.batch_bytes_max + batch_heads + 16'384 <= record_max;
  if (options.journal == Journal::kOn && !fits) {
    return absl::InvalidArgumentError(
        "Options::log_bytes is too small for Options::value_bytes_max or batch_bytes_max: the largest write would wait "
        "for "
        "ever");
  }
  return absl::OkStatus();
}

}  // namespace dictsqlite::detail
