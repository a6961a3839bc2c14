// Goal: the power may go again while the next life recovers, and again while the one after that does: what was durable
// is there, and what one recovery has found no later cut takes away [P1-P4]. Method: of images that cuts have left of a
// life, each is recovered and its next life begun, while before calls to the disk that are drawn from the seed, and at
// the end, each new image is recovered in turn; one of them again under cuts, to a depth of three.
#include "crash/crash_life.hpp"
#include "crash/cut_images.hpp"
#include "crash/recovered_image.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;

constexpr std::size_t kDepthMax = 3;
using States = std::array<std::size_t, kDepthMax + 1>;

class RepeatedCuts {
 public:
  RepeatedCuts(std::uint64_t run, Journal journal, States& states)
      : random_(run), history_(run), journal_(journal), states_(states) {}

  void run() {
    SimulatedDisk disk;
    disk.knows_direct = !random_.one_in(3);
    CrashLife alive(disk, history_, {}, {.journal = journal_}, random_);
    disk.on_call = [&](SimulatedDisk::Call, const std::string&) {
      if (random_.one_in(kCutOneIn)) recover_under_cuts(*disk.after_power_cut(random_), alive.promised(), 1);
      return SimulatedDisk::Fate{};
    };
    alive.run();
    disk.on_call = nullptr;
    if (wrong_.empty()) wrong_ = alive.wrong();
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  // Recovers `disk`, which the cut number `depth` leaves.
  void recover_under_cuts(SimulatedDisk& disk, const Promised& promised, std::size_t depth) {
    if (!wrong_.empty()) return;
    CutImages images(random_.next());
    std::size_t deeper = depth < kDepthMax ? kDeeperEach : 0;
    disk.on_call = [&](SimulatedDisk::Call, const std::string&) {
      if (deeper != 0 && random_.one_in(kDeeperOneIn)) {
        --deeper;
        recover_under_cuts(*disk.after_power_cut(random_), promised, depth + 1);
      }
      if (random_.one_in(kLookOneIn)) cut_again(disk, images, promised, depth);
      return SimulatedDisk::Fate{};
    };
    const Found found = check(disk, promised);
    disk.on_call = nullptr;
    if (!wrong_.empty()) return;
    CutImages at_the_end(random_.next());  // the same once more perhaps, and more is promised
    cut_again(disk, at_the_end, {found.writes, found.writes}, depth);
  }

  void cut_again(const SimulatedDisk& disk, CutImages& images, const Promised& promised, std::size_t depth) {
    static_cast<void>(images.visit_new(disk, [&](std::span<const SimulatedDisk::Arrival> arrivals) {
      if (!wrong_.empty()) return std::uint64_t{0};
      ++states_[depth];
      return check(*disk.after_power_cut(arrivals), promised).writes;
    }));
  }

  Found check(SimulatedDisk& disk, const Promised& promised) {
    Found found = recover_and_judge(disk, history_, promised, Next::kLifeBegins);
    if (wrong_.empty()) wrong_ = found.wrong;
    return found;
  }

  static constexpr std::size_t kCutOneIn = 100;
  static constexpr std::size_t kLookOneIn = 20;
  static constexpr std::size_t kDeeperOneIn = 30;
  static constexpr std::size_t kDeeperEach = 1;

  Random random_;
  NumberedWrites history_;
  const Journal journal_;
  States& states_;  // by depth
  std::string wrong_;
};

class RepeatedCut : public testing::TestWithParam<Journal> {};

INSTANTIATE_TEST_SUITE_P(All, RepeatedCut, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "journaled" : "direct"; });

TEST_P(RepeatedCut, DuringRecoveryTakesNothingThatWasDurableOrFound) {
  const std::size_t wanted = testing_support::scaled(10'000);
  States states{};
  for (std::uint64_t run = 0; states[1] + states[2] + states[3] < wanted; ++run) {
    RepeatedCuts cuts(run, GetParam(), states);
    cuts.run();
    ASSERT_EQ(cuts.wrong(), "") << "run " << run;
  }
  std::printf("%zu crash states: %zu of the second cut, %zu of the third, %zu of the fourth\n",
              states[1] + states[2] + states[3], states[1], states[2], states[3]);
}

}  // namespace
}  // namespace dictsqlite::crash_testing
