// Goal: whatever a power cut or a kill leaves, at any call to the disk, the next open finds exactly the first j
// accepted writes, j not below what was durable [P1-P4]; with a log and without. Method: a whole database in a
// simulation, its SQLite files too, on a disk that keeps apart what is seen and what a sync has covered. Before every
// call to the disk each image that a cut could leave then, and that is new, is made, recovered, read and compared. The
// next life begins with one of them.
#include "crash/crash_life.hpp"
#include "crash/cut_watch.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;

constexpr int kLives = 3;

// One disk, and the lives on it.
class PowerCuts {
 public:
  PowerCuts(std::uint64_t run, Journal journal) : random_(run), history_(run) { plan_.journal = journal; }

  void run() {
    auto disk = std::make_unique<SimulatedDisk>();
    disk->knows_direct = !random_.one_in(3);
    Promised promised;
    for (int life = 0; life < kLives; ++life) {
      std::unique_ptr<SimulatedDisk> next_disk;
      Promised next_promised;
      CutWatch watch(history_, random_.next());
      CrashLife alive(*disk, history_, promised, plan_, random_);
      disk->on_call = [&](SimulatedDisk::Call, const std::string&) {
        watch.look(*disk, alive.promised());
        if (random_.one_in(kKillOneIn)) watch.judge(*disk->after_kill(random_), alive.promised());
        if (random_.one_in(kNextLifeOneIn)) {
          next_disk = disk->after_power_cut(random_);
          next_promised = alive.promised();
        }
        return SimulatedDisk::Fate{};
      };
      alive.run();
      disk->on_call = nullptr;
      watch.look(*disk, alive.promised());  // after it was closed, too
      states_ += watch.states();
      wrong_ = watch.wrong().empty() ? alive.wrong() : watch.wrong();
      if (!wrong_.empty() || next_disk == nullptr) return;
      promised = next_promised;
      disk = std::move(next_disk);
    }
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] std::size_t states() const { return states_; }

 private:
  static constexpr std::size_t kNextLifeOneIn = 40;
  static constexpr std::size_t kKillOneIn = 8;

  Random random_;
  NumberedWrites history_;
  LifePlan plan_;
  std::size_t states_ = 0;
  std::string wrong_;
};

class PowerCut : public testing::TestWithParam<Journal> {};

INSTANTIATE_TEST_SUITE_P(All, PowerCut, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "journaled" : "direct"; });

TEST_P(PowerCut, AtAnyCallLeavesAPrefixWithAllThatWasDurable) {
  const std::size_t wanted = testing_support::scaled(150'000);
  std::size_t states = 0;
  for (std::uint64_t run = 0; states < wanted; ++run) {
    PowerCuts cuts(run, GetParam());
    cuts.run();
    states += cuts.states();
    ASSERT_EQ(cuts.wrong(), "") << "run " << run;
  }
  std::printf("%zu crash states\n", states);
}

}  // namespace
}  // namespace dictsqlite::crash_testing
