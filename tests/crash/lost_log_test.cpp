// Goal: a database whose log is missing, was left behind by a copy, is another database's, of another life, or damaged
// is opened with all that was durable or refused with the right code, and a file that is refused as somebody else's is
// left as it was; with LogLoss::kAccept it opens with a beginning of what was written, and all that SQLite had
// [P1, P2]. Method: of a life with a log images of kills are taken at calls drawn from the seed; each is spoiled in
// one way and opened.
#include "crash/crash_life.hpp"
#include "crash/recovered_image.hpp"
#include "journal/log_format.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;

const std::string kLogPrefix = std::string(kDatabasePath) + "-log-";
constexpr absl::StatusCode kOk = absl::StatusCode::kOk;

enum class Harm : std::uint8_t { kMissing, kCopied, kForeign, kOlderDatabase, kOlderLog, kDamaged, kTruncated };
constexpr std::size_t kHarms = 7;

struct Tally {
  std::array<std::size_t, kHarms> opened{};
  std::array<std::size_t, kHarms> refused{};
};

// A moment of a life: what a kill leaves, and what was promised.
struct Moment {
  std::unique_ptr<SimulatedDisk> disk;
  Promised promised;
  std::uint64_t settled = 0;  // what SQLite has without the log
};

std::vector<std::string> logs_on(SimulatedDisk& disk) { return *disk.list(kLogPrefix); }

void put_file(SimulatedDisk& disk, const std::string& path, std::span<const std::byte> bytes) {
  disk.remove(path);
  ASSERT_TRUE(disk.create_private(path).ok());
  disk.damage(path, 0, bytes);
}

void copy_file(const SimulatedDisk& from, SimulatedDisk& to, const std::string& path) {
  put_file(to, path, from.content(path));
}

void remove_logs(SimulatedDisk& disk) {
  for (const std::string& path : logs_on(disk)) disk.remove(path);
}

class LostLogs {
 public:
  LostLogs(std::uint64_t run, Tally& tally) : random_(run), history_(run), tally_(tally) {}

  void run() {
    SimulatedDisk disk;
    disk.knows_direct = !random_.one_in(3);
    Promised promised;
    for (int life = 0; life < 2 && wrong_.empty(); ++life) {
      CrashLife alive(disk, history_, promised, {.journal = Journal::kOn}, random_);
      disk.on_call = [&](SimulatedDisk::Call, const std::string&) {
        if (random_.one_in(kMomentOneIn)) spoil(disk, alive);
        return SimulatedDisk::Fate{};
      };
      alive.run();
      disk.on_call = nullptr;
      if (wrong_.empty()) wrong_ = alive.wrong();
      promised = alive.promised();
    }
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] std::size_t states() const { return states_; }

 private:
  void spoil(const SimulatedDisk& disk, const CrashLife& alive) {
    if (!wrong_.empty()) return;
    for (std::size_t harm = 0; harm < kHarms; ++harm) spoil(disk, alive, static_cast<Harm>(harm));
    if (older_.disk == nullptr || random_.one_in(8)) older_ = moment(disk, alive);
  }
  Moment moment(const SimulatedDisk& disk, const CrashLife& alive) {
    return {disk.after_kill(random_), alive.promised(), alive.settled()};
  }

  void spoil(const SimulatedDisk& disk, const CrashLife& alive, Harm harm) {
    Moment now = moment(disk, alive);
    if (now.disk->facts(kDatabasePath)->kind == io::FileKind::kMissing || !apply(harm, now)) return;
    const std::vector<std::string> paths = logs_on(*now.disk);
    std::vector<std::vector<std::byte>> before;
    for (const std::string& path : paths) before.push_back(now.disk->content(path));
    const std::uint64_t evident = evidently_durable(harm, now);
    const Found found = recover_and_read(*now.disk, history_);
    ++states_;
    const auto index = static_cast<std::size_t>(harm);
    ++(found.code == kOk ? tally_.opened : tally_.refused)[index];
    const absl::StatusCode refusal =
        harm == Harm::kForeign ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kDataLoss;
    if (found.code == kOk) {
      if (!found.wrong.empty()) return say(harm, found.wrong);
      if (found.writes < evident) {
        return say(harm, "opened with " + std::to_string(found.writes) + " writes, and " + std::to_string(evident) +
                             " were evidently durable");
      }
      if (harm == Harm::kForeign) return say(harm, "opened beside the log of another database");
      return;
    }
    // A version is read before the checksum, which may be another one there.
    const bool seems_newer = harm == Harm::kDamaged && found.code == absl::StatusCode::kUnimplemented;
    if (found.code != refusal && !seems_newer) return say(harm, found.wrong);
    for (std::size_t file = 0; file < paths.size(); ++file) {
      if (now.disk->content(paths[file]) != before[file]) return say(harm, paths[file] + " was refused and changed");
    }
    if (harm == Harm::kForeign || seems_newer) return;
    const Found accepted = recover_and_read(*now.disk, history_, Next::kLifeBegins, journal::LogLoss::kAccepted);
    ++states_;
    if (!accepted.wrong.empty()) return say(harm, "with the loss accepted: " + accepted.wrong);
    if (accepted.writes < now.settled) {
      return say(harm, "with the loss accepted " + std::to_string(accepted.writes) + " writes, and SQLite had " +
                           std::to_string(now.settled));
    }
  }

  // What nobody can see was there cannot be missed: where the end of a log is gone, what its blocks say that are left.
  static std::uint64_t evidently_durable(Harm harm, const Moment& now) {
    const std::vector<std::string> paths = logs_on(*now.disk);
    const bool is_whole = harm == Harm::kForeign || harm == Harm::kTruncated || paths.empty();
    if (is_whole && harm != Harm::kOlderDatabase) return now.promised.durable;
    std::uint64_t evident = now.settled;
    for (const std::string& path : paths) {
      const std::vector<std::byte> bytes = now.disk->content(path);
      if (bytes.size() < journal::kUnit) continue;
      const auto header = journal::read_segment_header(std::span(bytes).first<journal::kUnit>());
      if (!header.ok()) continue;
      for (std::size_t at = journal::kUnit; at < bytes.size(); at += journal::kUnit) {
        const journal::ReadBlock block =
            journal::read_block(header->identity, header->number, at, std::span(bytes).subspan(at));
        const bool is_there = block.found == journal::BlockFound::kWhole;
        if (is_there && block.head.durable_end != 0) evident = std::max(evident, block.head.durable_end - 1);
      }
    }
    return evident;
  }

  // False if there is nothing to spoil.
  bool apply(Harm harm, Moment& now) {
    std::vector<std::string> logs = logs_on(*now.disk);
    if (logs.empty()) return false;
    std::sort(logs.begin(), logs.end());
    const std::string& some = logs[random_.below(logs.size())];
    switch (harm) {
      case Harm::kMissing:
        for (const std::string& path : logs) {
          if (random_.one_in(2)) now.disk->remove(path);
        }
        if (logs_on(*now.disk).size() == logs.size()) remove_logs(*now.disk);
        return true;
      case Harm::kCopied: {
        auto copy = std::make_unique<SimulatedDisk>();
        copy_file(*now.disk, *copy, kDatabasePath);
        copy_file(*now.disk, *copy, std::string(kDatabasePath) + "-wal");
        now.disk = std::move(copy);
        return true;
      }
      case Harm::kForeign: {
        const std::vector<std::byte> foreign = foreign_log();
        if (foreign.empty()) return false;
        put_file(*now.disk, kLogPrefix + std::to_string(1 + random_.below(99)), foreign);
        return true;
      }
      case Harm::kOlderDatabase:
        if (older_.disk == nullptr || older_.disk->facts(kDatabasePath)->kind == io::FileKind::kMissing) return false;
        copy_file(*older_.disk, *now.disk, kDatabasePath);
        copy_file(*older_.disk, *now.disk, std::string(kDatabasePath) + "-wal");
        now.settled = older_.settled;
        return true;
      case Harm::kOlderLog:
        if (older_.disk == nullptr || logs_on(*older_.disk).empty()) return false;
        remove_logs(*now.disk);
        for (const std::string& path : logs_on(*older_.disk)) copy_file(*older_.disk, *now.disk, path);
        return true;
      case Harm::kDamaged: {
        std::vector<std::byte> bytes = now.disk->content(some);
        if (bytes.empty()) return false;
        // Where something is: a bit of it, or a few sectors.
        std::size_t at = random_.below(bytes.size());
        for (int look = 0; look < 64 && bytes[at] == std::byte{0}; ++look) at = random_.below(bytes.size());
        if (random_.one_in(2)) {
          bytes[at] ^= static_cast<std::byte>(1u << random_.below(8));
        } else {
          const std::size_t begin = at / SimulatedDisk::kSector * SimulatedDisk::kSector;
          const std::size_t end = std::min(bytes.size(), begin + SimulatedDisk::kSector * (1 + random_.below(12)));
          for (std::size_t each = begin; each < end; ++each) bytes[each] = static_cast<std::byte>(random_.next());
        }
        now.disk->damage(some, 0, bytes);
        return true;
      }
      case Harm::kTruncated: {
        std::vector<std::byte> bytes = now.disk->content(some);
        if (bytes.empty()) return false;
        bytes.resize(random_.below(bytes.size()));
        put_file(*now.disk, some, bytes);
        return true;
      }
    }
    return false;
  }

  // A file of a log that some other database has.
  const std::vector<std::byte>& foreign_log() {
    if (!foreign_.empty()) return foreign_;
    SimulatedDisk disk;
    NumberedWrites history(random_.next());
    CrashLife alive(disk, history, {}, {.journal = Journal::kOn}, random_);
    disk.on_call = [&](SimulatedDisk::Call call, const std::string& path) {
      const bool is_block = call == SimulatedDisk::Call::kDurableWrite && path.starts_with(kLogPrefix);
      if (!is_block || !foreign_.empty() || !random_.one_in(4)) return SimulatedDisk::Fate{};
      std::vector<std::byte> bytes = disk.content(path);
      // Its header may be what is being written.
      if (journal::read_segment_header(std::span(bytes).first<journal::kUnit>()).ok()) foreign_ = std::move(bytes);
      return SimulatedDisk::Fate{};
    };
    alive.run();
    return foreign_;
  }

  void say(Harm harm, const std::string& sentence) {
    wrong_ = "harm " + std::to_string(static_cast<int>(harm)) + ": " + sentence;
  }

  static constexpr std::size_t kMomentOneIn = 40;

  Random random_;
  NumberedWrites history_;
  Tally& tally_;
  Moment older_;
  std::vector<std::byte> foreign_;
  std::size_t states_ = 0;
  std::string wrong_;
};

TEST(LostLog, IsNoticedWheneverItMatters) {
  const std::size_t wanted = testing_support::scaled(5'000);
  std::size_t states = 0;
  Tally tally;
  for (std::uint64_t run = 0; states < wanted; ++run) {
    LostLogs lost(run, tally);
    lost.run();
    states += lost.states();
    ASSERT_EQ(lost.wrong(), "") << "run " << run;
  }
  for (std::size_t harm = 0; harm < kHarms; ++harm) {
    EXPECT_GT(tally.refused[harm], 0U) << "harm " << harm << " is refused, too";
    std::printf("harm %zu: %zu opened, %zu refused\n", harm, tally.opened[harm], tally.refused[harm]);
  }
  std::printf("%zu crash states\n", states);
}

}  // namespace
}  // namespace dictsqlite::crash_testing
