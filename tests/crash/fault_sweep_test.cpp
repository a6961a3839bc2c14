// Goal: whichever call to the disk fails, and however, every answer is honest, nothing hangs, a disk that was full
// loses nothing, and the database opens again with a prefix that has all that was durable [P1, P2, P4, P5, P12].
// Method: a short life of a whole database in a simulation, the same again and again; each time another of its calls
// fails, in each way that this call can: once, from then on, or once and then the power goes. Afterwards the disk works
// again, and the database is recovered on it, unaware, and on what a power cut leaves.
#include "crash/crash_life.hpp"
#include "crash/recovered_image.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;
using Call = SimulatedDisk::Call;
using Fate = SimulatedDisk::Fate;

enum class Kind : std::uint8_t { kIo, kInterrupted, kMemory, kSpace, kQuota, kShort };
constexpr Kind kKinds[] = {Kind::kIo, Kind::kInterrupted, Kind::kMemory, Kind::kSpace, Kind::kQuota, Kind::kShort};
enum class Lasting : std::uint8_t { kOnce, kForever, kUntilCut };
constexpr Lasting kAllLasting[] = {Lasting::kOnce, Lasting::kForever, Lasting::kUntilCut};

// What ends by itself, ends after so many calls: whoever waits for it is to go on.
constexpr std::size_t kCallsFull = 30;
// The power goes at most so many calls after the fault.
constexpr std::size_t kCallsBeforeCut = 20;

bool is_write(Call call) { return call == Call::kWrite || call == Call::kDurableWrite; }
bool is_sync(Call call) { return call == Call::kDataSync || call == Call::kFullSync; }
bool ends_by_itself(Kind kind) { return kind == Kind::kSpace || kind == Kind::kQuota || kind == Kind::kShort; }

bool can_meet(Kind kind, Call call) {
  switch (kind) {
    case Kind::kIo:
    case Kind::kMemory:
      return true;
    case Kind::kInterrupted:
      return is_write(call) || is_sync(call);
    case Kind::kSpace:
    case Kind::kQuota:
      return is_write(call) || call == Call::kCreate;
    case Kind::kShort:
      return is_write(call);
  }
  return false;
}

// What the log writes is aligned, and a short write of it ends at a sector: docs/durability.md. SQLite's end anywhere.
Fate fate_of(Kind kind, bool is_of_log, Random& random) {
  switch (kind) {
    case Kind::kIo:
      return {EIO, {}};
    case Kind::kInterrupted:
      return {EINTR, {}};
    case Kind::kMemory:
      return {ENOMEM, {}};
    case Kind::kSpace:
      return {ENOSPC, {}};
    case Kind::kQuota:
      return {EDQUOT, {}};
    case Kind::kShort:
      return {0, is_of_log ? random.below(10) * SimulatedDisk::kSector : random.below(5'000)};
  }
  return {};
}

struct Fault {
  Kind kind;
  Lasting lasting;
  std::size_t nth;  // of the calls that it can meet

  [[nodiscard]] std::string sentence() const {
    return "fault " + std::to_string(static_cast<int>(kind)) + ", lasting " +
           std::to_string(static_cast<int>(lasting)) + ", at call " + std::to_string(nth);
  }
};

// One life with one fault.
class FaultyLife {
 public:
  FaultyLife(std::uint64_t seed, Journal journal, const Fault& fault)
      : seed_(seed), journal_(journal), fault_(fault), random_(seed), drawn_(fault.nth), history_(seed) {}

  /// False if the life had no such call.
  bool run() {
    SimulatedDisk disk;
    disk.knows_direct = seed_ % 2 == 0;
    const LifePlan plan{.journal = journal_, .faults = Faults::kExpected, .writes_min = 8, .writes_max = 8};
    CrashLife alive(disk, history_, {}, plan, random_);
    disk.on_call = [&](Call call, const std::string& path) { return meet(disk, alive, call, path); };
    alive.run();
    disk.on_call = nullptr;
    if (hits_ == 0) return false;
    wrong_ = alive.wrong();
    if (wrong_.empty()) judge_answers(alive);
    if (cut_ != nullptr) judge(*cut_, cut_promised_, "after the cut: ");
    judge(*disk.after_power_cut(random_), alive.promised(), "after a later cut: ");
    judge(disk, alive.promised(), "opened again: ");
    return true;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  Fate meet(const SimulatedDisk& disk, const CrashLife& alive, Call call, const std::string& path) {
    if (hits_ != 0 && fault_.lasting == Lasting::kUntilCut && cut_ == nullptr && drawn_.one_in(kCallsBeforeCut / 2)) {
      cut_ = disk.after_power_cut(drawn_);
      cut_promised_ = alive.promised();
    }
    if (!can_meet(fault_.kind, call)) return {};
    const std::size_t met = met_++;
    if (met < fault_.nth) return {};
    const bool lasts =
        fault_.lasting == Lasting::kForever && (!ends_by_itself(fault_.kind) || met < fault_.nth + kCallsFull);
    if (met != fault_.nth && !lasts) return {};
    if (hits_++ == 0) first_path_ = path;
    const bool is_of_log = path.find("-log-") != std::string::npos;
    has_met_log_ = has_met_log_ || is_of_log;
    return fate_of(fault_.kind, is_of_log, drawn_);
  }

  // A full disk is waited for, and a short write goes on, but for the blocks of the log. Only a close that finds no
  // room to say that the log is not needed any more ends in an error.
  void judge_answers(const CrashLife& alive) {
    const bool is_survived = ends_by_itself(fault_.kind) && !has_met_log_;
    const absl::Status& failure = alive.failure().ok() && journal_ == Journal::kOff ? alive.closing() : alive.failure();
    if (is_survived && !failure.ok()) {
      wrong_ = "a full disk or a short write of '" + first_path_ + "' ended in " + failure.ToString();
    }
    switch (alive.opening()) {
      case absl::StatusCode::kOk:
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kResourceExhausted:
      case absl::StatusCode::kInternal:
        return;
      default:
        wrong_ = "open was answered " + absl::StatusCodeToString(alive.opening());
    }
  }
  void judge(SimulatedDisk& disk, const Promised& promised, const char* when) {
    if (!wrong_.empty()) return;
    const Found found = recover_and_judge(disk, history_, promised, Next::kLifeBegins);
    if (!found.wrong.empty()) wrong_ = when + found.wrong;
  }

  const std::uint64_t seed_;
  const Journal journal_;
  const Fault fault_;
  Random random_;  // for what is the same in each life of a seed
  Random drawn_;
  NumberedWrites history_;
  std::size_t met_ = 0;
  std::size_t hits_ = 0;
  bool has_met_log_ = false;
  std::string first_path_;
  std::unique_ptr<SimulatedDisk> cut_;
  Promised cut_promised_;
  std::string wrong_;
};

class FaultSweep : public testing::TestWithParam<Journal> {};

INSTANTIATE_TEST_SUITE_P(All, FaultSweep, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "journaled" : "direct"; });

TEST_P(FaultSweep, OfEveryCallLeavesHonestAnswersAndAPrefix) {
  const std::size_t wanted = testing_support::scaled(10'000);
  std::size_t runs = 0;
  std::uint64_t lives = 0;
  for (; runs < wanted; ++lives) {
    for (const Kind kind : kKinds) {
      const std::size_t before = runs;
      for (const Lasting lasting : kAllLasting) {
        for (std::size_t nth = 0;; ++nth) {
          const Fault fault{kind, lasting, nth};
          FaultyLife life(lives, GetParam(), fault);
          if (!life.run()) break;
          ++runs;
          ASSERT_EQ(life.wrong(), "") << "life " << lives << ", " << fault.sentence();
        }
      }
      EXPECT_GT(runs, before) << "fault " << static_cast<int>(kind) << " can meet a call of every life";
    }
  }
  std::printf("%zu runs, each with a fault at another call of one of %llu lives\n", runs,
              static_cast<unsigned long long>(lives));
}

}  // namespace
}  // namespace dictsqlite::crash_testing
