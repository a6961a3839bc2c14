// A log on a simulated disk: written, cut off, and read again. Values say which record they are of.
#pragma once

#include "journal/found_log.hpp"
#include "journal/log_writer.hpp"

#include "support/random.hpp"
#include "support/simulated_disk.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dictsqlite::journal {

inline constexpr std::uint64_t kFirst = 100;
inline const std::string kPrefix = "/d/db-log-";

inline LogIdentity identity_of_life(std::uint64_t epoch) {
  LogIdentity identity;
  identity.database_id.fill(std::byte{7});
  identity.epoch = epoch;
  identity.life = epoch * 1000 + 1;
  return identity;
}

/// Small enough that a few hundred records go through every state.
inline LogWriter::Config small_log(io::FileCaching caching, std::uint64_t epoch = 5) {
  LogWriter::Config config;
  config.space.prefix = kPrefix;
  config.space.segment_bytes_min = 6 * kUnit;
  config.space.segment_bytes_max = 12 * kUnit;
  config.space.bytes_max = 40 * kUnit;
  config.space.caching = caching;
  config.identity = identity_of_life(epoch);
  config.block_bytes = 3 * kUnit;
  config.blocks_in_flight = 4;
  return config;
}

inline std::string value_of(std::uint64_t sequence) {
  const std::uint64_t mixed = sequence * 0x9e3779b97f4a7c15U;
  return std::to_string(sequence) + std::string(static_cast<std::size_t>(mixed >> 50), 'v');
}

/// A life that writes records one after another, for as long as it is asked to.
class LogLife {
 public:
  LogLife(testing_support::SimulatedDisk& disk, testing_support::Random& random, const LogWriter::Config& config,
          std::uint64_t first = kFirst)
      : backend_(disk.backend(random)),
        writer_(config, disk, *backend_, first),
        random_(random),
        next_(first),
        settled_(first) {}
  ~LogLife() { backend_->finish(); }

  absl::Status start() {
    absl::Status status = writer_.create();
    return status.ok() ? writer_.begin() : status;
  }

  /// Some of what a writer does between two moments. An error is a final one.
  absl::Status step() {
    switch (random_.below(5)) {
      case 0:
      case 1:
        add();
        break;
      case 2:
        static_cast<void>(writer_.submit());
        break;
      case 3:
        return complete_one();
      default:
        settle(random_.below(writer_.durable_end() - settled_ + 1));
    }
    return writer_.look_ahead();
  }
  /// Until everything added is durable.
  absl::Status finish() {
    for (int tries = 0; tries < 10'000; ++tries) {
      if (record_begun_) add();
      static_cast<void>(writer_.submit());
      if (!record_begun_ && writer_.durable_end() == next_) return absl::OkStatus();
      absl::Status status = complete_one();
      if (status.ok()) status = writer_.look_ahead();
      if (!status.ok()) return status;
      settle(writer_.durable_end() - settled_);
    }
    return absl::DeadlineExceededError("the log gets nowhere");
  }

  void add() {
    if (!record_begun_) {
      value_ = value_of(next_);
      const LogRow row{RowKind::kSet, 1, "key", value_, 0};
      record_.begin(std::span(&row, 1), RecordSource::As::kSingle);
      record_begun_ = true;
    }
    if (!writer_.add(record_)) return;
    record_begun_ = false;
    ++next_;
  }
  absl::Status complete_one() {
    io::IoCompletion completion{};
    if (backend_->poll(std::span(&completion, 1)) == 0) return absl::OkStatus();
    EXPECT_TRUE(LogWriter::owns(completion.tag));
    return writer_.completed(completion);
  }
  void settle(std::uint64_t count) {
    settled_ += count;
    writer_.settled_to(settled_);
  }

  [[nodiscard]] LogWriter& writer() { return writer_; }
  [[nodiscard]] std::uint64_t next() const { return next_; }
  [[nodiscard]] std::uint64_t settled() const { return settled_; }
  /// A record has begun to be added.
  [[nodiscard]] std::uint64_t begun_end() const { return next_ + (record_begun_ ? 1 : 0); }

 private:
  std::unique_ptr<io::IoBackend> backend_;
  LogWriter writer_;
  testing_support::Random& random_;
  RecordSource record_;
  std::string value_;
  bool record_begun_ = false;
  std::uint64_t next_;
  std::uint64_t settled_;
};

/// What a recovery finds: the end of the log, each record checked. SQLite has what is below `applied_end`.
inline absl::StatusOr<std::uint64_t> read_again(testing_support::SimulatedDisk& disk, const LogIdentity& identity,
                                                std::uint64_t applied_end) {
  absl::StatusOr<FoundLog> found = FoundLog::find(disk, kPrefix, identity);
  if (!found.ok()) return found.status();
  std::uint64_t next = applied_end;
  const absl::StatusOr<LogContent> content =
      read_log(found->headers(), *found, applied_end, [&](std::uint64_t sequence, std::span<const LogRow> rows) {
        EXPECT_EQ(sequence, next++);
        EXPECT_EQ(rows.size(), 1u);
        EXPECT_EQ(rows.front().value, value_of(sequence));
        return absl::OkStatus();
      });
  if (!content.ok()) return content.status();
  EXPECT_EQ(content->end, next);
  return content->end;
}

}  // namespace dictsqlite::journal
