// Goal: whatever a power cut leaves of a log, recovery gets every record that had been acknowledged, in order and
// without a hole, and calls nothing damaged. Method: a writer with several blocks in flight that complete in any order,
// are acknowledged in order, and use files again when they are settled; a disk that keeps any of the sectors that were
// under way; thousands of cuts from one seed.

#include "journal/block_builder.hpp"
#include "journal/log_reader.hpp"

#include "support/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

constexpr std::uint64_t kFirst = 100;
constexpr std::size_t kSegmentUnits = 5;
constexpr std::size_t kFiles = 4;
constexpr std::size_t kInFlightMax = 4;
constexpr std::size_t kSector = 512;

class World : public LogFiles {
 public:
  explicit World(testing_support::Random& random) : random_(random) { identity_.epoch = 7; }

  // Some of what a writer does between two moments.
  void step() {
    switch (random_.next() % 4) {
      case 0:
      case 1:
        if (in_flight_.size() < kInFlightMax) write_block();
        break;
      case 2:
        if (!in_flight_.empty()) complete(random_.next() % in_flight_.size());
        break;
      default:
        settled_end_ += random_.next() % (acknowledged_end_ - settled_end_ + 1);
    }
  }

  // The power goes. What was under way is on the disk in part.
  void cut() {
    for (const Write& write : in_flight_) {
      for (std::size_t at = 0; at < write.bytes.size(); at += kSector) {
        if (random_.next() % 2 == 0) store(write, at, kSector);
      }
    }
  }

  void expect_recovery() {
    std::vector<SegmentHeader> headers;
    for (std::size_t file = 0; file < kFiles; ++file) {
      if (disk_[file].empty()) continue;
      const absl::StatusOr<SegmentHeader> header =
          read_segment_header(std::span<const std::byte, kUnit>(disk_[file].data(), kUnit));
      if (header.ok()) headers.push_back(*header);
    }
    std::sort(headers.begin(), headers.end(),
              [](const SegmentHeader& a, const SegmentHeader& b) { return a.number < b.number; });
    file_of_.clear();
    for (const SegmentHeader& header : headers) file_of_.push_back(find_file(header.number));
    // SQLite has all that is settled, and may have more.
    const std::uint64_t applied_end = settled_end_ + random_.next() % (acknowledged_end_ - settled_end_ + 1);
    std::uint64_t next = applied_end;
    const absl::StatusOr<LogContent> content =
        read_log(headers, *this, applied_end, [&](std::uint64_t sequence, std::span<const LogRow> rows) {
          EXPECT_EQ(sequence, next++);
          EXPECT_EQ(rows.front().value, value_of(sequence));
          return absl::OkStatus();
        });
    ASSERT_EQ(content.status(), absl::OkStatus());
    EXPECT_EQ(content->end, next);
    EXPECT_GE(content->end, acknowledged_end_);
    EXPECT_LE(content->end, builder_.end());
  }

  absl::StatusOr<std::size_t> read(std::size_t segment, std::uint64_t offset, std::span<std::byte> to) override {
    const std::vector<std::byte>& file = disk_[file_of_[segment]];
    if (offset >= file.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(to.size(), file.size() - offset);
    std::memcpy(to.data(), file.data() + offset, count);
    return count;
  }

 private:
  struct Write {
    std::size_t file;
    std::uint64_t offset;
    std::vector<std::byte> bytes;
    std::uint64_t number;  // of the block, or 0 for a header
  };
  struct Block {
    std::uint64_t end;
    bool complete;
  };

  static std::string value_of(std::uint64_t sequence) {
    const std::uint64_t mixed = sequence * 0x9e3779b97f4a7c15U;
    return std::string(static_cast<std::size_t>(mixed >> 50), static_cast<char>('a' + sequence % 26));
  }

  void write_block() {
    if (header_under_way_) return;
    if (pending_) return submit();
    builder_.begin(std::span(memory_).first((1 + random_.next() % 3) * kUnit));
    for (std::uint64_t records = random_.next() % 8 + 1; records > 0 && !builder_.is_full(); --records) {
      if (source_.is_at_end()) {
        value_ = value_of(builder_.end());
        const LogRow row{RowKind::kSet, 1, "key", value_, 0};
        source_.begin(std::span(&row, 1), RecordSource::As::kSingle);
      }
      static_cast<void>(builder_.add(source_));
    }
    pending_ = true;
    submit();
  }

  // The block that was built, when its segment has begun.
  void submit() {
    if (number_ == 0 || at_ + builder_.bytes() > kSegmentUnits * kUnit) return begin_segment();
    pending_ = false;
    const std::span<const std::byte> bytes = builder_.seal(identity_, {number_, at_, acknowledged_end_});
    in_flight_.push_back({file_, at_, {bytes.begin(), bytes.end()}, blocks_.size() + 1});
    blocks_.push_back({builder_.end(), false});
    last_end_[file_] = builder_.end() + (source_.is_at_end() ? 0 : 1);  // of a record that goes on, too
    at_ += bytes.size();
  }

  void begin_segment() {
    for (std::size_t file = 0; file < kFiles; ++file) {
      // Free, or all of it is settled, and nothing of it is under way.
      if (!disk_[file].empty() && (last_end_[file] > settled_end_ || file == file_)) continue;
      if (std::any_of(in_flight_.begin(), in_flight_.end(), [&](const Write& write) { return write.file == file; })) {
        continue;
      }
      disk_[file].resize(kSegmentUnits * kUnit);
      file_ = file;
      at_ = kUnit;
      header_under_way_ = true;
      std::vector<std::byte> unit(kUnit);
      write_segment_header({identity_, ++number_, kSegmentUnits * kUnit},
                           std::span<std::byte, kUnit>(unit.data(), kUnit));
      in_flight_.push_back({file, 0, std::move(unit), 0});
      return;
    }
    // None is free: later, when more is settled.
  }

  void complete(std::size_t index) {
    const Write write = in_flight_[index];
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
    store(write, 0, write.bytes.size());
    if (write.number == 0) {
      header_under_way_ = false;
      if (pending_) submit();
      return;
    }
    blocks_[write.number - 1].complete = true;
    while (acknowledged_blocks_ < blocks_.size() && blocks_[acknowledged_blocks_].complete) {
      acknowledged_end_ = blocks_[acknowledged_blocks_++].end;
    }
  }

  void store(const Write& write, std::size_t at, std::size_t bytes) {
    std::memcpy(disk_[write.file].data() + write.offset + at, write.bytes.data() + at, bytes);
  }

  [[nodiscard]] std::size_t find_file(std::uint64_t number) const {
    for (std::size_t file = 0; file < kFiles; ++file) {
      if (disk_[file].empty()) continue;
      const absl::StatusOr<SegmentHeader> header =
          read_segment_header(std::span<const std::byte, kUnit>(disk_[file].data(), kUnit));
      if (header.ok() && header->number == number) return file;
    }
    return kFiles;
  }

  testing_support::Random& random_;
  LogIdentity identity_;
  std::vector<std::vector<std::byte>> disk_ = std::vector<std::vector<std::byte>>(kFiles);
  std::vector<std::uint64_t> last_end_ = std::vector<std::uint64_t>(kFiles);  // of what is in a file
  std::vector<Write> in_flight_;
  std::vector<Block> blocks_;
  std::size_t acknowledged_blocks_ = 0;
  std::uint64_t acknowledged_end_ = kFirst;
  std::uint64_t settled_end_ = kFirst;
  std::uint64_t number_ = 0;
  std::size_t file_ = kFiles;
  std::uint64_t at_ = 0;
  bool header_under_way_ = false;
  bool pending_ = false;  // a block is built and waits for its segment
  std::vector<std::byte> memory_ = std::vector<std::byte>(3 * kUnit);
  BlockBuilder builder_{kFirst};
  RecordSource source_;
  std::string value_;
  std::vector<std::size_t> file_of_;
};

TEST(LogSimulation, APowerCutLeavesAPrefix) {
  testing_support::Random random;
  for (int cut = 0; cut < 4'000; ++cut) {
    World world(random);
    for (std::uint64_t steps = random.next() % 200; steps > 0; --steps) world.step();
    world.cut();
    world.expect_recovery();
    if (HasFailure()) {
      FAIL() << "at cut " << cut;
    }
  }
}

}  // namespace
}  // namespace dictsqlite::journal
