// Goal: the chain gives what is in it, newest first; an entry leaves it once, wherever it is, and is retired by that
// and by nothing else; and every placing raises the version. Method: one thread on a chain of its own; the steps at
// which other threads can come in between are table_steps_test's.
#include "cache/overflow_chain.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using Chain = BasicOverflowChain<>;
using entry::Entry;
using entry::EntryKind;

class OverflowChain : public testing::Test {
 protected:
  ~OverflowChain() override {
    chain_.for_each(control_.load(), [this](Entry* entry) { chain_.remove(entry); });
    free_retired();
    EXPECT_EQ(pool_.used_bytes(), 0u) << "an entry was neither in the chain nor retired";
  }
  Entry* push(const std::string& key) {
    Entry* const entry = pool_.make(EntryKind::kSet, 1, key, "", 0);
    EXPECT_NE(entry, nullptr);
    chain_.push(entry);
    return entry;
  }
  bool remove(Entry* entry) {
    const Reclaimer::Guard guard = reclaimer_.enter();
    return chain_.remove(entry);
  }
  std::string keys() {
    std::string all;
    chain_.for_each(control_.load(), [&all](const Entry* entry) { all += entry->key(); });
    return all;
  }
  std::uint64_t version() { return control_.load() / Chain::kOneVersion; }
  void free_retired() { reclaimer_.collect(); }

  entry::EntryPool pool_{1u << 20};
  Reclaimer reclaimer_{pool_};
  Chain::Control control_{0};
  Chain chain_{control_, pool_, reclaimer_};
};

TEST_F(OverflowChain, IsEmptyAtFirst) {
  EXPECT_EQ(chain_.first(control_.load()), nullptr);
  EXPECT_EQ(keys(), "");
}

TEST_F(OverflowChain, GivesTheNewestFirst) {
  Entry* const a = push("a");
  Entry* const b = push("b");
  Entry* const c = push("c");
  EXPECT_EQ(keys(), "cba");
  EXPECT_EQ(chain_.first(control_.load()), c);
  EXPECT_EQ(chain_.at(c->chain_next.load()), b);
  EXPECT_EQ(chain_.at(b->chain_next.load()), a);
  EXPECT_EQ(chain_.at(a->chain_next.load()), nullptr);
  for (const Entry* entry : {a, b, c}) EXPECT_TRUE(chain_.holds(entry)) << entry->key();
}

TEST_F(OverflowChain, EachPlacingRaisesTheVersionAndNoRemovalDoes) {
  Entry* const a = push("a");
  EXPECT_EQ(version(), 1u);
  Entry* const b = push("b");
  EXPECT_EQ(version(), 2u);
  remove(b);
  remove(a);
  EXPECT_EQ(version(), 2u);
  EXPECT_EQ(chain_.first(control_.load()), nullptr);
  push("c");
  EXPECT_EQ(version(), 3u);
}

TEST_F(OverflowChain, LosesAnEntryWhereverItIs) {
  for (const std::size_t position : {0u, 1u, 2u}) {
    const std::vector<Entry*> entries = {push("a"), push("b"), push("c")};
    EXPECT_TRUE(remove(entries[position]));
    EXPECT_FALSE(chain_.holds(entries[position]));
    EXPECT_EQ(keys(), std::vector<std::string>({"cb", "ca", "ba"})[position]);
    for (Entry* entry : entries) remove(entry);
    EXPECT_EQ(keys(), "");
  }
}

TEST_F(OverflowChain, RetiresAnEntryOnce) {
  push("a");
  Entry* const b = push("b");
  const std::size_t footprint = entry::EntryPool::footprint(*b);
  {
    const Reclaimer::Guard guard = reclaimer_.enter();
    EXPECT_TRUE(chain_.remove(b));
    EXPECT_EQ(reclaimer_.backlog_bytes(), footprint);
    EXPECT_FALSE(chain_.remove(b)) << "somebody else did that";
    EXPECT_EQ(reclaimer_.backlog_bytes(), footprint);
  }
  free_retired();
  EXPECT_EQ(pool_.used_bytes(), footprint) << "one of two is left";
  EXPECT_EQ(keys(), "a");
}

TEST_F(OverflowChain, KnowsNothingOfAnEntryThatWasNeverInIt) {
  push("a");
  Entry* const stranger = pool_.make(EntryKind::kSet, 1, "stranger", "", 0);
  EXPECT_FALSE(chain_.holds(stranger));
  EXPECT_FALSE(remove(stranger));
  EXPECT_EQ(reclaimer_.backlog_bytes(), 0u);
  EXPECT_FALSE(Chain::is_removed(stranger->chain_next.load())) << "it was marked all the same";
  pool_.release(stranger);
}

// Whoever reads the chain may stand on an entry while it is removed: its link still leads on.
TEST_F(OverflowChain, AReaderWhoStandsOnARemovedEntryGoesOnFromThere) {
  push("a");
  Entry* const b = push("b");
  push("c");
  const Reclaimer::Guard guard = reclaimer_.enter();
  std::string seen;
  chain_.for_each(control_.load(), [&](Entry* entry) {
    seen += entry->key();
    if (entry == b) {
      EXPECT_TRUE(chain_.remove(b));
    }
  });
  EXPECT_EQ(seen, "cba");
  EXPECT_TRUE(Chain::is_removed(b->chain_next.load()));
  EXPECT_EQ(keys(), "ca");
}

// It began at the head as it was before the newest entry came and another one left.
TEST_F(OverflowChain, AReaderFromAnOldHeadMeetsNoRemovedEntry) {
  push("a");
  Entry* const b = push("b");
  const std::uint64_t old_head = control_.load();
  const Reclaimer::Guard guard = reclaimer_.enter();
  push("c");
  EXPECT_TRUE(chain_.remove(b));
  std::string seen;
  chain_.for_each(old_head, [&seen](const Entry* entry) { seen += entry->key(); });
  EXPECT_EQ(seen, "a");
}

}  // namespace
}  // namespace dictsqlite::cache
