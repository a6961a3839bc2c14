// Goal: the protocol between writers, readers, loads and the evictor holds when one whole operation falls into the
// middle of another, wherever that is. Method: the real table over StepAtomics; every step of the outer operation is
// tried, for keys in slots and for keys in the chain. (tests/model explores all interleavings, of a model.)
#include "support/steps.hpp"
#include "unit/cache/table_fixture.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::EntryKind;
using testing_support::StepAtomics;
using testing_support::Steps;

struct SteppedTable : SmallTable<StepAtomics> {
  using Outcome = Table::PendingResult::Outcome;

  // With `chained`, every slot of the bucket is taken by what cannot be evicted: new entries hang in the chain.
  explicit SteppedTable(bool chained) {
    for (std::size_t index = 0; chained && index < kSlots; ++index) {
      set(key("filler" + std::to_string(index), 100 + index), "", 1'000'000);
    }
  }
  Entry* pending(std::string_view name) {
    Entry* const entry = make(EntryKind::kPending, name, "", 0);
    EntryPool::retain(*entry);  // the load's own
    return entry;
  }
};

// Runs `scene` on a new table for each step of the operation that it passes to Steps::run, until there is no such step.
void at_every_step(const std::function<bool(SteppedTable&, std::size_t)>& scene) {
  for (const bool chained : {false, true}) {
    std::size_t step = 0;
    for (bool happened = true; happened; ++step) {
      SCOPED_TRACE("step " + std::to_string(step) + (chained ? ", in the chain" : ", in a slot"));
      SteppedTable table(chained);
      happened = scene(table, step);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(step, 3u) << "the operation has steps";
  }
}

const auto kKey = SteppedTable::key("key");

TEST(TableSteps, AReaderSeesTheOldValueOrTheNewOneNeverNothing) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    std::string seen;
    const bool happened = Steps::run(
        step, [&] { seen = table.look(kKey); }, [&] { table.set(kKey, "new", 2); });
    EXPECT_TRUE(seen == "old" || seen == "new") << seen;
    EXPECT_EQ(table.look(kKey), happened ? "new" : "old");
    return happened;
  });
}

TEST(TableSteps, AReaderNeverSeesTheOldValueAfterTheNewOneWasAppliedAndEvicted) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    std::string seen;
    const bool happened = Steps::run(
        step, [&] { seen = table.look(kKey); },
        [&] {
          table.set(kKey, "new", 2);
          table.evict_all(/*applied=*/2);
        });
    // Both happened during the read: old, new and nothing were each true at some moment of it.
    EXPECT_TRUE(seen == "old" || seen == "new" || seen == "nothing") << seen;
    if (happened) {
      EXPECT_EQ(table.look(kKey), "nothing");
    }
    return happened;
  });
}

TEST(TableSteps, OfTwoWritersTheNewerWinsWhicheverIsInterrupted) {
  for (const bool outer_is_newer : {false, true}) {
    for (const bool key_is_there : {false, true}) {
      at_every_step([&](SteppedTable& table, std::size_t step) {
        if (key_is_there) table.set(kKey, "oldest", 1);
        const bool happened = Steps::run(
            step, [&] { table.set(kKey, outer_is_newer ? "newer" : "older", outer_is_newer ? 3 : 2); },
            [&] { table.set(kKey, outer_is_newer ? "older" : "newer", outer_is_newer ? 2 : 3); });
        if (!happened) return false;
        EXPECT_EQ(table.look(kKey), "newer");
        EXPECT_EQ(table.take_copies("key"), 1u);
        return true;
      });
    }
  }
}

TEST(TableSteps, TwoWritersOfDifferentKeysDoNotDisturbEachOther) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    const auto other = SteppedTable::key("other");
    table.set(other, "before", 1);
    const bool happened = Steps::run(
        step, [&] { table.set(kKey, "value", 2); }, [&] { table.set(other, "after", 3); });
    EXPECT_EQ(table.look(kKey), "value");
    EXPECT_EQ(table.look(other), happened ? "after" : "before");
    return happened;
  });
}

TEST(TableSteps, AWriteIsNeverLostToTheEvictorThatTakesItsPredecessor) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    const bool happened = Steps::run(
        step, [&] { table.set(kKey, "new", 2, /*applied=*/1); }, [&] { table.evict_all(/*applied=*/1); });
    EXPECT_EQ(table.look(kKey), "new");
    EXPECT_EQ(table.take_copies("key"), 1u);
    return happened;
  });
}

TEST(TableSteps, TheEvictorNeverTakesTheWriteThatReplacesItsVictim) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    const bool happened = Steps::run(
        step, [&] { table.evict_all(/*applied=*/1); }, [&] { table.set(kKey, "new", 2, /*applied=*/1); });
    EXPECT_EQ(table.look(kKey), happened ? "new" : "nothing");
    return happened;
  });
}

TEST(TableSteps, ALoadThatStandsIsGoneOnceAWriteIsIn) {
  // The write falls into the placing. If the load then stands, it stands only until the write is in; and its fill is
  // refused, because it may have been read before the write.
  at_every_step([](SteppedTable& table, std::size_t step) {
    auto* const pending = table.pending("key");
    SteppedTable::Table::PendingResult result{};
    const bool happened = Steps::run(
        step, [&] { result = table.table.place_pending(kKey.hash, pending, 0); },
        [&] { table.set(kKey, "written", 5); });
    if (!happened) {
      EXPECT_EQ(result.outcome, SteppedTable::Outcome::kStands);
    } else {
      EXPECT_EQ(table.look(kKey), "written");
      if (result.outcome == SteppedTable::Outcome::kFound) {
        EXPECT_EQ(result.entry->sequence, 5u);
      }
      EXPECT_FALSE(table.table.fill(kKey.hash, pending, table.make(EntryKind::kSet, "key", "loaded", 4)));
      EXPECT_EQ(table.look(kKey), "written");
      EXPECT_EQ(table.take_copies("key"), 1u);
    }
    table.pool.release(pending);
    return happened;
  });
}

TEST(TableSteps, ALoadThatStandsMayBeFilledAfterAWriteCameAndWent) {
  // Write, apply and eviction all fall into the placing. A load that stands starts afterwards and reads the write; one
  // that is lost or found something tries again. In no case does an unfillable pending entry stay behind.
  at_every_step([](SteppedTable& table, std::size_t step) {
    auto* const pending = table.pending("key");
    SteppedTable::Table::PendingResult result{};
    const bool happened = Steps::run(
        step, [&] { result = table.table.place_pending(kKey.hash, pending, 0); },
        [&] {
          table.set(kKey, "written", 5);
          table.evict_all(/*applied=*/5);
        });
    if (happened && result.outcome == SteppedTable::Outcome::kStands) {
      table.table.fill(kKey.hash, pending, table.make(EntryKind::kSet, "key", "written", 5));
      const std::string seen = table.look(kKey);
      EXPECT_TRUE(seen == "written" || seen == "nothing") << seen;  // in the chain it is delivered, not cached
    } else if (happened) {
      EXPECT_EQ(table.look(kKey), "nothing");
    }
    table.pool.release(pending);
    return happened;
  });
}

TEST(TableSteps, AFillNeverReplacesAWrite) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    auto* const pending = table.pending("key");
    EXPECT_EQ(table.table.place_pending(kKey.hash, pending, 0).outcome, SteppedTable::Outcome::kStands);
    const bool happened = Steps::run(
        step, [&] { table.table.fill(kKey.hash, pending, table.make(EntryKind::kSet, "key", "loaded", 4)); },
        [&] { table.set(kKey, "written", 5); });
    if (happened) {
      EXPECT_EQ(table.look(kKey), "written");
      EXPECT_EQ(table.take_copies("key"), 1u);
    }
    table.pool.release(pending);
    return happened;
  });
}

TEST(TableSteps, AWriteReplacesAFillThatFallsIntoIt) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    auto* const pending = table.pending("key");
    EXPECT_EQ(table.table.place_pending(kKey.hash, pending, 0).outcome, SteppedTable::Outcome::kStands);
    const bool happened = Steps::run(
        step, [&] { table.set(kKey, "written", 5); },
        [&] { table.table.fill(kKey.hash, pending, table.make(EntryKind::kSet, "key", "loaded", 4)); });
    EXPECT_EQ(table.look(kKey), "written");
    EXPECT_EQ(table.take_copies("key"), 1u);
    table.pool.release(pending);
    return happened;
  });
}

TEST(TableSteps, AReaderOfOtherKeysIsNotLostWhenItsPlaceInTheChainIsRemoved) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    const auto tail = SteppedTable::key("tail");
    const auto middle = SteppedTable::key("middle");
    const auto head = SteppedTable::key("head");
    table.set(tail, "tail", 10);
    table.set(middle, "middle", 1);
    table.set(head, "head", 2);
    std::string seen;
    const bool happened = Steps::run(
        step, [&] { seen = table.look(tail); }, [&] { table.evict_all(/*applied=*/5); });
    EXPECT_EQ(seen, "tail");
    EXPECT_EQ(table.look(tail), "tail");
    if (happened) {
      EXPECT_EQ(table.look(middle), "nothing");
      EXPECT_EQ(table.look(head), "nothing");
    }
    return happened;
  });
}

TEST(TableSteps, NeighboursInTheChainCanBeRemovedAtOnce) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    const auto first = SteppedTable::key("first");
    const auto second = SteppedTable::key("second");
    const auto third = SteppedTable::key("third");
    table.set(first, "1", 1);
    auto* const removed = table.set(second, "2", 2);
    auto* const inner = table.set(third, "3", 3);
    const bool happened = Steps::run(
        step, [&] { table.table.remove(second.hash, removed); }, [&] { table.table.remove(third.hash, inner); });
    EXPECT_EQ(table.look(first), "1");
    EXPECT_EQ(table.look(second), "nothing");
    EXPECT_EQ(table.look(third), happened ? "nothing" : "3");
    const std::size_t chained = table.size();
    table.evict_all(2'000'000);
    table.collect();
    EXPECT_EQ(table.pool.used_bytes(), 0u) << "retired once each, of " << chained;
    return happened;
  });
}

TEST(TableSteps, EveryEntryIsRetiredExactlyOnceWhoeverRemovesIt) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    auto* const removed = table.table.find(kKey);
    bool inner_removed = false;
    bool outer_removed = false;
    const bool happened = Steps::run(
        step, [&] { outer_removed = table.table.remove(kKey.hash, removed); },
        [&] { inner_removed = table.table.remove(kKey.hash, removed); });
    EXPECT_NE(outer_removed, inner_removed);
    table.evict_all(2'000'000);
    table.collect();
    EXPECT_EQ(table.pool.used_bytes(), 0u);
    return happened;
  });
}

TEST(TableSteps, AVisitFindsEveryEntryThatStaysWhateverComesAndGoes) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    const auto gone = SteppedTable::key("gone");
    table.set(kKey, "stays", 10);
    table.set(gone, "", 1);
    std::size_t visits = 0;
    const bool happened = Steps::run(
        step, [&] { visits = table.visits("key"); },
        [&] {
          table.evict_all(/*applied=*/1);
          table.set(SteppedTable::key("new"), "", 11);
        });
    EXPECT_EQ(visits, 1u);
    return happened;
  });
}

TEST(TableSteps, AVisitDuringAWriteFindsItsKeyOnce) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    std::vector<std::string> seen;
    const bool happened = Steps::run(
        step,
        [&] {
          table.table.visit(0, table.table.bucket_count(), [&](const SteppedTable::Entry& entry) {
            if (entry.key() == "key") seen.emplace_back(entry.value());
          });
        },
        [&] { table.set(kKey, "new", 2); });
    EXPECT_EQ(seen.size(), 1u) << "the key was there throughout";
    return happened;
  });
}

TEST(TableSteps, AVisitInTheMiddleOfAWriteFindsItsKeyOnce) {
  at_every_step([](SteppedTable& table, std::size_t step) {
    table.set(kKey, "old", 1);
    std::size_t visits = 0;
    const bool happened = Steps::run(
        step, [&] { table.set(kKey, "new", 2); }, [&] { visits = table.visits("key"); });
    if (happened) {
      EXPECT_EQ(visits, 1u);
    }
    return happened;
  });
}

}  // namespace
}  // namespace dictsqlite::cache
