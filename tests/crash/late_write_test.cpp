// Goal: a write of a killed process that lands after the next life has begun harms neither that life nor what it found
// [P1, P2]. Method: a life with a log is killed at a call drawn from the seed, while requests of it are in flight. The
// next life begins on what the kernel shows; at a later call, during recovery or after it, any sectors of what was in
// flight land. From then on images of kills and power cuts are recovered and compared. What later lives write differs
// from what was lost, so that an old block that is taken for a new one is noticed.
#include "crash/crash_life.hpp"
#include "crash/cut_watch.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;

class LateWrites {
 public:
  explicit LateWrites(std::uint64_t run) : random_(run), history_(run) {}

  void run() {
    Promised promised;
    const std::unique_ptr<SimulatedDisk> disk = killed(promised);
    if (disk == nullptr || !wrong_.empty()) return;
    CutWatch watch(history_, random_.next());
    const LifePlan plan{.journal = random_.one_in(4) ? Journal::kOff : Journal::kOn, .writes_min = 5, .writes_max = 20};
    CrashLife alive(*disk, history_, promised, plan, random_);
    std::size_t left = random_.below(kCallsBeforeLanding);
    disk->on_call = [&](SimulatedDisk::Call, const std::string&) {
      if (left != 0 && --left == 0) {
        disk->land_late(random_);
        ++landings_;
      }
      if (left != 0) return SimulatedDisk::Fate{};
      if (random_.one_in(kLookOneIn)) watch.look(*disk, alive.promised());
      if (random_.one_in(kLookOneIn)) watch.judge(*disk->after_kill(random_), alive.promised());
      return SimulatedDisk::Fate{};
    };
    alive.run();
    disk->on_call = nullptr;
    if (watch.wrong().empty()) watch.judge(*disk, alive.promised());
    states_ = watch.states();
    wrong_ = watch.wrong().empty() ? alive.wrong() : watch.wrong();
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] std::size_t states() const { return states_; }
  [[nodiscard]] std::size_t landings() const { return landings_; }

 private:
  // What a killed process leaves that had something in flight, and what it had promised. Null if there never was.
  std::unique_ptr<SimulatedDisk> killed(Promised& promised) {
    SimulatedDisk disk;
    disk.knows_direct = !random_.one_in(3);
    std::unique_ptr<SimulatedDisk> left;
    CrashLife alive(disk, history_, {}, {.journal = Journal::kOn}, random_);
    disk.on_call = [&](SimulatedDisk::Call, const std::string&) {
      if (!random_.one_in(kKillOneIn)) return SimulatedDisk::Fate{};
      std::unique_ptr<SimulatedDisk> killed = disk.after_kill(random_);
      if (!killed->has_late()) return SimulatedDisk::Fate{};
      left = std::move(killed);
      promised = alive.promised();
      return SimulatedDisk::Fate{};
    };
    alive.run();
    wrong_ = alive.wrong();
    return left;
  }

  static constexpr std::size_t kKillOneIn = 10;
  static constexpr std::size_t kLookOneIn = 12;
  static constexpr std::size_t kCallsBeforeLanding = 150;

  Random random_;
  NumberedWrites history_;
  std::size_t states_ = 0;
  std::size_t landings_ = 0;
  std::string wrong_;
};

TEST(LateWrite, OfADeadProcessHarmsNoLaterLife) {
  const std::size_t wanted = testing_support::scaled(5'000);
  std::size_t states = 0;
  std::size_t landings = 0;
  for (std::uint64_t run = 0; states < wanted; ++run) {
    LateWrites late(run);
    late.run();
    states += late.states();
    landings += late.landings();
    ASSERT_EQ(late.wrong(), "") << "run " << run;
  }
  EXPECT_GT(landings, 0U);
  std::printf("%zu crash states around %zu late landings\n", states, landings);
}

}  // namespace
}  // namespace dictsqlite::crash_testing
