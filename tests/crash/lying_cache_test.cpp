// Goal: after a write or sync has failed nothing is answered that is not so, also when the next life begins on a page
// cache that shows bytes which never reached the disk, goes on writing, and then the power goes [P5, P1-P4]. Method: in
// a first life one call to the disk fails: a sync, which loses any of what it covered and finds nothing to do from then
// on, a write, or a part of one. The second life begins on the same disk, unaware; before each of its calls every new
// image of a power cut is recovered and compared.
#include "crash/crash_life.hpp"
#include "crash/cut_watch.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace dictsqlite::crash_testing {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;
using Call = SimulatedDisk::Call;

bool is_sync(Call call) { return call == Call::kDataSync || call == Call::kFullSync; }
bool is_write(Call call) { return call == Call::kWrite || call == Call::kDurableWrite; }

class LyingCache {
 public:
  LyingCache(std::uint64_t run, Journal journal) : random_(run), history_(run), journal_(journal) {}

  void run() {
    SimulatedDisk disk;
    disk.knows_direct = !random_.one_in(3);
    Promised promised;
    {
      const LifePlan plan{.journal = journal_, .faults = Faults::kExpected, .writes_min = 10, .writes_max = 50};
      CrashLife alive(disk, history_, promised, plan, random_);
      const bool of_sync = !random_.one_in(4);
      std::size_t left = random_.below(of_sync ? 25 : 60);
      disk.on_call = [&](Call call, const std::string&) {
        if (of_sync ? !is_sync(call) : !is_write(call)) return SimulatedDisk::Fate{};
        if (left-- != 0) return SimulatedDisk::Fate{};
        has_failed_ = true;
        if (!of_sync && random_.one_in(2)) return SimulatedDisk::Fate{0, random_.below(3'000)};
        return SimulatedDisk::Fate{EIO, {}};
      };
      alive.run();
      disk.on_call = nullptr;
      wrong_ = alive.wrong();
      promised = alive.promised();
    }
    if (!wrong_.empty() || !has_failed_) return;
    const LifePlan plan{.journal = random_.one_in(4) ? other(journal_) : journal_, .writes_min = 2, .writes_max = 8};
    CutWatch watch(history_, random_.next());
    CrashLife alive(disk, history_, promised, plan, random_);
    disk.on_call = [&](Call, const std::string&) {
      if (random_.one_in(kLookOneIn)) watch.look(disk, alive.promised());
      return SimulatedDisk::Fate{};
    };
    alive.run();
    watch.look(disk, alive.promised());
    states_ = watch.states();
    wrong_ = watch.wrong().empty() ? alive.wrong() : watch.wrong();
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] std::size_t states() const { return states_; }

 private:
  [[nodiscard]] static Journal other(Journal journal) { return journal == Journal::kOn ? Journal::kOff : Journal::kOn; }

  static constexpr std::size_t kLookOneIn = 6;

  Random random_;
  NumberedWrites history_;
  const Journal journal_;
  bool has_failed_ = false;
  std::size_t states_ = 0;
  std::string wrong_;
};

class LyingPageCache : public testing::TestWithParam<Journal> {};

INSTANTIATE_TEST_SUITE_P(All, LyingPageCache, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "journaled" : "direct"; });

TEST_P(LyingPageCache, DeceivesNoLaterLife) {
  const std::size_t wanted = testing_support::scaled(12'000);
  std::size_t states = 0;
  std::size_t runs = 0;
  for (std::uint64_t run = 0; states < wanted; ++run) {
    LyingCache lying(run, GetParam());
    lying.run();
    states += lying.states();
    if (lying.states() != 0) ++runs;
    ASSERT_EQ(lying.wrong(), "") << "run " << run;
  }
  std::printf("%zu crash states after %zu failures\n", states, runs);
}

}  // namespace
}  // namespace dictsqlite::crash_testing
