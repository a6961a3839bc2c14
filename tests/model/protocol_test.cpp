// Goal: no order of steps breaks the protocol of cache, flights and write path for one key [I1]-[I4]: a get never
// returns less than what was known before it began, at most one pending entry stands, nothing is installed after it
// was applied, cache and database agree at the end, and everybody finishes. Method: every order of steps of a small
// machine (cache_protocol.hpp), in several shapes; and the same with one thing done wrong at a time, which must show.
// A failure prints a shortest order of steps that leads to it.
#include "model/cache_protocol.hpp"
#include "model/explorer.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace dictsqlite::model {
namespace {

constexpr char kStale[] = "stale read: a get returned less than what was known before it began";

void expect_holds(const Config& config, const ExploreOptions& options = {}) {
  const Exploration result = explore(CacheProtocol(config), options);
  std::printf("             %zu states, %zu steps, depth %zu\n", result.states, result.steps, result.depth);
  EXPECT_EQ(result.violation, "") << result.trail;
  EXPECT_TRUE(result.complete);
}

void expect_caught(const Config& config, const std::string& violation) {
  const Exploration result = explore(CacheProtocol(config));
  std::printf("             found after %zu states, depth %zu\n", result.states, result.depth);
  EXPECT_EQ(result.violation, violation) << result.trail;
}

// Two writers, two readers of two gets each, unless said otherwise.

TEST(Protocol, HoldsAndEverybodyCanAlwaysFinish) { expect_holds({}, {.check_progress = true}); }

TEST(Protocol, HoldsWhereTheRowIsCachedAtFirst) { expect_holds({.starts_cached = true}); }

TEST(Protocol, HoldsWhereASlotBecomesFreeMeanwhile) { expect_holds({.starts_foreign = true}); }

TEST(Protocol, HoldsWhereEntriesGoToTheChainAtAnyTime) { expect_holds({.chain_any_time = true}); }

TEST(Protocol, HoldsWhereTheWatermarkComesLate) { expect_holds({.late_watermark = true}); }

TEST(Protocol, HoldsInTheChainAlone) { expect_holds({.slots = 0}); }

TEST(Protocol, HoldsBetweenOneSlotAndTheChain) {
  expect_holds({.slots = 1, .starts_foreign = true, .late_watermark = true});
}

TEST(Protocol, HoldsWithAnotherKeysWriteBetween) { expect_holds({.writes = 3, .foreign_tickets = 1u << 2}); }

TEST(Protocol, HoldsForThreeWritesOfTwoWriters) { expect_holds({.writes = 3}); }

TEST(Protocol, HoldsForThreeWritersAtOnce) { expect_holds({.writes = 3, .writers = 3, .gets = 1}); }

// The last look before a flight is queued (is its pending entry still in the table?) saves a load that will not be
// cached. It is not what keeps reads in order: the entry may as well be replaced right after that look.
TEST(Protocol, HoldsWhereAFlightIsQueuedThoughItsPendingEntryIsGone) {
  expect_holds({.bug = Bug::kPendingKeptWhenLost});
}

TEST(ProtocolBug, PublishBeforeInstallIsCaughtAtOnce) {
  expect_caught({.bug = Bug::kPublishBeforeInstall},
                "installed after applied: a write was committed before its entry was in the table");
}

TEST(ProtocolBug, PublishBeforeInstallIsCaughtByItsEffect) {
  expect_caught({.readers = 0, .checks_installs = false, .bug = Bug::kPublishBeforeInstall},
                "cache and database disagree at the end");
}

TEST(ProtocolBug, PlaceWithoutVersionIsCaught) { expect_caught({.bug = Bug::kPlaceWithoutVersion}, kStale); }

TEST(ProtocolBug, PlaceOfAWriterWithoutVersionIsCaught) {
  expect_caught({.bug = Bug::kWriterPlaceWithoutVersion}, kStale);
}

// Takes three writers: one has placed and not raised the version yet, one removes its own for that, one places an old
// entry where a reader has yet to look.
TEST(ProtocolBug, DedupeWithoutVersionIsCaught) {
  expect_caught({.writes = 3, .writers = 3, .gets = 1, .bug = Bug::kDedupeWithoutVersion}, kStale);
}

TEST(ProtocolBug, NoDedupeIsCaught) { expect_caught({.bug = Bug::kNoDedupe}, kStale); }

TEST(ProtocolBug, ReplacingTheLowestIsCaught) { expect_caught({.bug = Bug::kReplaceLowest}, kStale); }

TEST(ProtocolBug, IgnoringTheVersionIsCaught) {
  expect_caught({.writes = 3, .writers = 3, .gets = 1, .bug = Bug::kIgnoreVersion}, kStale);
}

TEST(ProtocolBug, NoLastLookIsCaught) { expect_caught({.bug = Bug::kNoLastLook}, kStale); }

TEST(ProtocolBug, JoiningWithoutTheLockIsCaught) {
  expect_caught({.bug = Bug::kJoinWithoutLock}, "deadlock: somebody waits and nobody will come");
}

TEST(ProtocolBug, PendingWithoutSearchIsCaught) { expect_caught({.bug = Bug::kPendingWithoutSearch}, kStale); }

TEST(ProtocolBug, FillWithoutCompareIsCaught) { expect_caught({.bug = Bug::kFillWithoutCompare}, kStale); }

TEST(ProtocolBug, EvictingTheUnappliedIsCaught) { expect_caught({.bug = Bug::kEvictUnapplied}, kStale); }

}  // namespace
}  // namespace dictsqlite::model
