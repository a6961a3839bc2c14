// Goal: kill -9 at any moment leaves a prefix of the accepted writes with everything in it that was reported durable,
//       again and again on the same file (promises P1 to P4 under process death).
// Method: a child process (this program again) writes numbered values and says on a pipe what it is about to start and
//       what has been acknowledged. After a random number of reports it is killed; the next child starts at once, tells
//       what it found, and goes on from there. The judge lives in this process: kill_loop_oracle.hpp. Every few rounds
//       plain SQLite reads the files as the kill left them, or a child closes cleanly and the closed file is checked.
//
// DICTSQLITE_SEED=n repeats the writes, options and moments of a run; DICTSQLITE_KILL_ROUNDS=n sets their number.
#include "crash/kill_loop_child.hpp"
#include "crash/kill_loop_parent.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace dictsqlite::kill_loop {
namespace {

std::uint64_t kill_rounds_total = 0;

std::uint64_t rounds_wanted() {
  const char* const given = std::getenv("DICTSQLITE_KILL_ROUNDS");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : testing_support::scaled(400);
}

void run_loop(unsigned writers, std::uint64_t rounds) {
  const testing_support::TemporaryDirectory directory;
  KillLoop loop(directory.file("killed.db"), writers, writers);
  Kill kill;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::string wrong = loop.round(kill);
    if (wrong.empty() && round % 5 == 3) wrong = loop.look_by_sqlite();
    if (wrong.empty() && round % 9 == 8) wrong = loop.clean_round();
    ASSERT_EQ(wrong, "") << "round " << round << " of " << rounds << ", " << writers
                         << " writers, DICTSQLITE_SEED=" << testing_support::seed();
  }
  const std::string wrong = loop.clean_round();  // judges what the last kill left
  ASSERT_EQ(wrong, "") << "after the last round, DICTSQLITE_SEED=" << testing_support::seed();

  const LoopCounts& counts = loop.counts();
  const Oracle& oracle = loop.oracle();
  EXPECT_EQ(counts.rounds, rounds);
  EXPECT_GT(oracle.durable_total(), 0u);
  kill_rounds_total += counts.rounds;
  std::printf(
      "%llu writer(s): %llu kills (%llu while opening), %llu clean closes, %llu looks by plain SQLite; %llu writes "
      "started, %llu durable acknowledgements, %llu unacknowledged writes lost\n",
      static_cast<unsigned long long>(writers), static_cast<unsigned long long>(counts.rounds),
      static_cast<unsigned long long>(counts.rounds_while_opening),
      static_cast<unsigned long long>(counts.clean_closes), static_cast<unsigned long long>(counts.looks_by_sqlite),
      static_cast<unsigned long long>(oracle.started_total()), static_cast<unsigned long long>(oracle.durable_total()),
      static_cast<unsigned long long>(oracle.lost_total()));
}

TEST(KillLoop, OneWriterLeavesAPrefixOfItsOrder) { run_loop(1, rounds_wanted() - rounds_wanted() / 2); }

TEST(KillLoop, ConcurrentWritersLeaveAPrefixOfOneCommonOrder) { run_loop(kWritersMax, rounds_wanted() / 2); }

// The judge itself: it must not accept what a broken library would leave.
class OracleTest : public testing::Test {
 protected:
  // Writer 0 starts `count` writes; all are accepted, the last one is durable if `durable`.
  void write(std::uint64_t count, bool durable) {
    for (std::uint64_t number = 1; number <= count; ++number) {
      oracle_.take({EventKind::kStarted, 0, 0, 0, number});
      const bool last = number == count;
      oracle_.take({last && durable ? EventKind::kDurable : EventKind::kAccepted, 0, 0, 0, number});
    }
  }
  static Content content_after(std::uint64_t count, std::uint64_t left_out = 0) {
    Content content;
    for (std::uint64_t number = 1; number <= count; ++number) {
      if (number == left_out) continue;
      for (const PlannedRow& row : plan_write(0, number).rows) {
        if (row.erase) {
          content.erase(row.key);
        } else {
          content[row.key] = row.value;
        }
      }
    }
    return content;
  }
  // A number whose only row is a set that no later write up to `count` touches.
  static std::uint64_t lasting_set(std::uint64_t count) {
    for (std::uint64_t number = 1; number <= count; ++number) {
      const PlannedWrite write = plan_write(0, number);
      if (write.rows.size() == 1 && content_after(count) != content_after(count, number)) return number;
    }
    ADD_FAILURE() << "no such write among " << count;
    return 0;
  }

  Oracle oracle_{1};
};

TEST_F(OracleTest, TakesEveryPrefixThatHoldsWhatIsDurable) {
  write(50, true);
  EXPECT_EQ(oracle_.judge(content_after(50)), "");
}

TEST_F(OracleTest, RefusesALostDurableWrite) {
  write(50, true);
  EXPECT_NE(oracle_.judge(content_after(lasting_set(50) - 1)), "");
}

TEST_F(OracleTest, TakesLossOfWhatWasOnlyAccepted) {
  write(50, false);
  EXPECT_EQ(oracle_.judge(content_after(20)), "");
}

TEST_F(OracleTest, RefusesAHole) {
  write(50, false);
  EXPECT_NE(oracle_.judge(content_after(50, lasting_set(50))), "");
}

TEST_F(OracleTest, RefusesDamagedBytes) {
  write(50, false);
  Content content = content_after(50);
  content.begin()->second.back() ^= 1;
  EXPECT_NE(oracle_.judge(content), "");
}

TEST_F(OracleTest, RefusesHalfABatch) {
  write(200, false);
  for (std::uint64_t number = 1; number <= 200; ++number) {
    const PlannedWrite write = plan_write(0, number);
    const PlannedRow& last = write.rows.back();
    Content content = content_after(number - 1);
    content[last.key] = last.value;
    if (last.erase || content == content_after(number)) continue;  // no batch, or its last row is all it changes
    EXPECT_NE(oracle_.judge(content), "");
    return;
  }
  FAIL() << "no batch among 200 writes";
}

TEST_F(OracleTest, RefusesAKeyThatNobodyWrote) { EXPECT_NE(oracle_.judge({{"w3:1", "x"}}), ""); }

}  // namespace

namespace {

int run_tests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  ::setenv("DICTSQLITE_SEED", std::to_string(testing_support::seed()).c_str(), 1);  // children plan with the same seed
  const int result = RUN_ALL_TESTS();
  if (kill_rounds_total != 0) std::printf("%llu kill rounds\n", static_cast<unsigned long long>(kill_rounds_total));
  return result;
}

}  // namespace
}  // namespace dictsqlite::kill_loop

int main(int argc, char** argv) {
  namespace kill_loop = dictsqlite::kill_loop;
  if (argc == 3 && std::string_view(argv[1]) == kill_loop::kChildArgument) {
    return kill_loop::run_child(kill_loop::from_words(argv[2]));
  }
  return kill_loop::run_tests(argc, argv);
}
