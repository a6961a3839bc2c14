// The table: writers, readers, loads and eviction of one key, whose entries find slots, or hang in the chain, or both.
#include "cache/table.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/checked_pool.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dictsqlite::checker {
namespace {

using entry::EntryKind;
using Table = cache::BasicTable<CheckedAtomics>;
using Reclaimer = cache::BasicReclaimer<CheckedAtomics>;
using EntryPool = entry::BasicEntryPool<CheckedAtomics>;
using Entry = EntryPool::Entry;
using Outcome = Table::PendingResult::Outcome;

// The table and one key of it. `kCrowd` entries that cannot be evicted fill the bucket: with 7 the key hangs in the
// chain, with 6 only one of its entries finds a slot.
template <std::size_t kCrowd>
class OneKey {
 public:
  OneKey() {
    for (std::size_t index = 0; index < kCrowd; ++index) {
      table_.install(100 + index, pool_.make(EntryKind::kSet, kNames[index], kNever), 0);
    }
  }

  void install(std::uint64_t sequence, std::uint64_t applied = 0) { install(kKey, sequence, applied); }
  void install(const Table::Key& key, std::uint64_t sequence, std::uint64_t applied) {
    Entry* const entry = pool_.make(EntryKind::kSet, key.bytes, sequence);
    const Reclaimer::Guard guard = reclaimer_.enter();
    table_.install(key.hash, entry, applied);
  }
  /// The sequence of what is found; 0: nothing, or a load under way.
  std::uint64_t find(const Table::Key& key = kKey) {
    const Reclaimer::Guard guard = reclaimer_.enter();
    Entry* const entry = table_.find(key);
    if (entry == nullptr) return 0;
    pool_.look(entry);
    expect(entry->key() == key.bytes, "it is the key's");
    return entry->is_real() ? entry->sequence : 0;
  }
  /// How often the key is visited.
  std::size_t visits() {
    const Reclaimer::Guard guard = reclaimer_.enter();
    std::size_t count = 0;
    table_.visit(0, table_.bucket_count(), [&](Entry& entry) {
      pool_.look(&entry);
      if (entry.key() == kKey.bytes) ++count;
    });
    return count;
  }
  void evict(std::uint64_t applied) {
    const Reclaimer::Guard guard = reclaimer_.enter();
    std::uint64_t evicted = 0;
    table_.evict(1, applied, evicted);
  }
  /// What is left of the key: its newest entry, and no other.
  void expect_left(std::uint64_t sequence) {
    const std::uint64_t found = find();
    expect(found == sequence, "the newest write is in the table");
    Entry* const entry = table_.find(kKey);
    if (entry == nullptr) return;
    expect(table_.remove(kHash, entry), "it is there to be removed");
    expect(table_.find(kKey) == nullptr, "it was the key's only entry");
  }

 protected:
  static constexpr std::uint64_t kNever = 1'000'000;
  static constexpr std::uint64_t kHash = 1;
  static constexpr std::array<std::string_view, 7> kNames{"a", "b", "c", "d", "e", "f", "g"};
  static inline const Table::Key kKey{kHash, EntryPool::kTableId, "key"};
  static inline const Table::Key kOther{300, EntryPool::kTableId, "other"};

  EntryPool pool_;
  Reclaimer reclaimer_{pool_};
  Table table_{1, pool_, reclaimer_};
};

// Two writes of a key of which nothing is known: both may place.
template <std::size_t kCrowd>
struct TwoWriters : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) { this->install(index); }
  void check() { this->expect_left(2); }
};

// The same, while a slot becomes empty before the one that the first of them has chosen: each has its own.
template <std::uint64_t kFirst>
struct TwoWritersTwoSlots : OneKey<0> {
  static constexpr std::size_t kThreads = 2;

  TwoWritersTwoSlots() { this->table_.install(kOther.hash, other, 0); }
  void thread(std::size_t index) {
    if (index == 1) return install(kFirst);
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      table_.remove(kOther.hash, other);
    }
    install(3 - kFirst);
  }
  void check() { expect_left(2); }

  Entry* const other = pool_.make(EntryKind::kSet, kOther.bytes, kNever);
};

// The key's entry hangs in the chain, and a write puts a new one into a slot: whoever passes it meanwhile misses
// neither.
enum class Pass { kFind, kVisit };
template <Pass kPass>
struct MovedUnderAPass : OneKey<7> {
  static constexpr std::size_t kThreads = 2;

  explicit MovedUnderAPass(bool has_neighbours = false) {
    if (has_neighbours) table_.install(kBehind.hash, behind_, 0);
    install(1);
    if (has_neighbours) table_.install(kBefore.hash, before_, 0);
    const Table::Key first{100, EntryPool::kTableId, kNames[0]};
    expect(table_.remove(first.hash, table_.find(first)), "it makes room");
  }
  void thread(std::size_t index) {
    if (index == 2) return install(2);
    if (kPass == Pass::kFind) {
      expect(find() != 0, "a read missed a key that was there throughout");
    } else {
      expect(visits() == 1, "a key that was there throughout is visited once");
    }
  }
  void check() { expect_left(2); }

 protected:
  static inline const Table::Key kBefore{200, EntryPool::kTableId, "before"};
  static inline const Table::Key kBehind{201, EntryPool::kTableId, "behind"};
  Entry* const before_ = pool_.make(EntryKind::kSet, kBefore.bytes, kNever);
  Entry* const behind_ = pool_.make(EntryKind::kSet, kBehind.bytes, kNever);
};

// The same with other entries before and behind it in the chain, so that it is unlinked from one of them.
template <Pass kPass>
struct MovedInTheDepth : MovedUnderAPass<kPass> {
  MovedInTheDepth() : MovedUnderAPass<kPass>(true) {}
};

// The same, and a third thread that takes out the one behind it, and what it finds marked on the way there.
template <Pass kPass>
struct MovedAndUnlinkedByAnother : MovedInTheDepth<kPass> {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index != 3) return MovedInTheDepth<kPass>::thread(index);
    const Reclaimer::Guard guard = this->reclaimer_.enter();
    expect(this->table_.remove(this->kBehind.hash, this->behind_), "nobody else removes it");
  }
};

// Two threads that each write a key and then read the other's, in another bucket: one of them sees the other's write.
enum class Written { kAnew, kOver, kForAnother };
template <std::size_t kCrowd, Written kWritten>
struct TwoKeys : OneKey<0> {
  static constexpr std::size_t kThreads = 2;

  TwoKeys() {
    for (std::size_t index = 1; kWritten == Written::kOver && index <= 2; ++index) install(key(index), 1, 0);
    // Where others are to give way, all of them are clean.
    const std::uint64_t sequence = kWritten == Written::kForAnother ? 1 : kNever;
    for (const std::uint64_t bucket : {std::uint64_t{0}, kBucket}) {
      for (std::size_t index = 0; index < kCrowd; ++index) {
        install(Table::Key{bucket + 100 + index, EntryPool::kTableId, kNames[index]}, sequence, 0);
      }
    }
  }
  void thread(std::size_t index) {
    install(key(index), 1 + index, 1);
    seen_[index] = find(key(3 - index));
  }
  void check() { expect(seen_[1] >= 2 || seen_[2] >= 2, "neither saw what the other had written before"); }

 private:
  static constexpr std::uint64_t kBucket = std::uint64_t{1} << 63;  // the other one of the table's two
  static inline const Table::Key kElsewhere{kBucket + 1, EntryPool::kTableId, "elsewhere"};
  static const Table::Key& key(std::size_t index) { return index == 1 ? kKey : kElsewhere; }

  std::array<std::uint64_t, 3> seen_{};
};

// Two writers that place the key's entries in two places; when both have, the second one's is evicted. A reader that
// was told of the second one by another reader does not find the first one, which was out before.
template <std::size_t kCrowd>
struct WrittenTwiceAndEvicted : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 4;

  void thread(std::size_t index) {
    if (index == 1) {
      this->install(1);
      return published.store(true, std::memory_order_release);
    }
    if (index == 2) {
      this->install(2);
      if (published.load(std::memory_order_acquire)) this->evict(2);
      return;
    }
    if (index == 3) return told.store(this->find(), std::memory_order_release);
    const std::uint64_t before = told.load(std::memory_order_acquire);
    const std::uint64_t seen = this->find();
    expect(before != 2 || seen != 1, "a read went back in time");
  }
  void check() {}

  CheckedAtomic<bool> published{false};
  CheckedAtomic<std::uint64_t> told{0};
};

// A write and a read that comes after another one has finished, whose thread has told of it: never back in time.
template <std::size_t kCrowd>
struct WritersAndReader : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index < 3) {
      this->install(index);
      finished[index].store(true, std::memory_order_release);
      return;
    }
    for (int read = 0; read < 2; ++read) {
      for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
        if (finished[sequence].load(std::memory_order_acquire)) floor = std::max(floor, sequence);
      }
      const std::uint64_t seen = this->find();
      expect(seen >= floor, "a read went back in time");
      floor = seen;
    }
  }
  void check() { this->expect_left(2); }

  std::array<CheckedAtomic<bool>, 3> finished;
  std::uint64_t floor = 0;
};

// Two writers of a key of which one has finished, and somebody who visits every key: it is there.
template <std::size_t kCrowd>
struct WritersAndVisit : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index == 3) {
      if (finished.load(std::memory_order_acquire)) expect(this->visits() == 1, "a key is visited once");
      return;
    }
    this->install(index);
    if (index == 1) finished.store(true, std::memory_order_release);
  }
  void check() { this->expect_left(2); }

  CheckedAtomic<bool> finished{false};
};

// A write over one that is applied, and evicted when the new one is: who knows of the new one finds it, unless it is
// being evicted, and never the old one.
template <std::size_t kCrowd>
struct WriterEvictorReader : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 3;

  WriterEvictorReader() { this->install(1); }
  void thread(std::size_t index) {
    if (index == 1) {
      this->install(2, 1);
      published.store(true, std::memory_order_release);
    } else if (index == 2) {
      may_evict_new = published.load(std::memory_order_acquire);
      this->evict(may_evict_new ? 2 : 1);
    } else {
      const bool is_known = published.load(std::memory_order_acquire);
      const std::uint64_t seen = this->find();
      expect(!is_known || seen != 1, "a read went back in time");
      expect(!is_known || seen == 2 || may_evict_new, "a read missed a write that is not applied");
    }
  }
  void check() {
    if (!may_evict_new) this->expect_left(2);
  }

  CheckedAtomic<bool> published{false};
  bool may_evict_new = false;  // as of the execution, whoever knows of it
};

// A load of a key of which nothing is known, and a write meanwhile: the write wins.
template <std::size_t kCrowd>
struct LoadAndWrite : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      this->install(5);
      return;
    }
    Entry* const pending = this->pool_.make(EntryKind::kPending, "key", 0);
    EntryPool::retain(*pending);  // the load's own
    const Reclaimer::Guard guard = this->reclaimer_.enter();
    const Table::PendingResult result = this->table_.place_pending(this->kHash, pending, 0);
    if (result.outcome == Outcome::kFound) {
      this->pool_.look(result.entry);
      expect(result.entry->sequence == 5, "there is no other load");
    }
    if (result.outcome == Outcome::kStands) {
      this->table_.fill(this->kHash, pending, this->pool_.make(EntryKind::kAbsent, "key", 4));
    }
    this->pool_.release(pending);
  }
  void check() { this->expect_left(5); }
};

// Somebody looks at the key's entry under a guard while another takes it out, in one of the ways in which entries leave
// the table, and then collects until it would be free (G1) (G2).
enum class Look { kFind, kFindOther, kVisit, kInstall, kEvict, kRemove };
enum class Leave { kReplaced, kEvicted, kFilled, kRemoved, kGivesWay };
// Whether another entry hangs before it in the chain.
enum class InChain : bool { kFirst, kBuried };

template <std::size_t kCrowd, Look kLook, Leave kLeave, InChain kInChain = InChain::kFirst>
struct FreedUnderALook : OneKey<kCrowd> {
  static constexpr std::size_t kThreads = 2;
  using Base = OneKey<kCrowd>;

  FreedUnderALook() {
    first_ = this->pool_.make(kLeave == Leave::kFilled ? EntryKind::kPending : EntryKind::kSet, "key", 2);
    this->table_.install(this->kHash, first_, 0);
    if (kInChain == InChain::kBuried) this->table_.install(200, this->pool_.make(EntryKind::kSet, "head", 2), 0);
  }
  void thread(std::size_t index) {
    if (index == 1) {
      look();
    } else {
      leave();
      for (int call = 0; call < 2; ++call) this->reclaimer_.collect();
    }
  }
  void check() {}

 private:
  void look() {
    switch (kLook) {
      case Look::kFind:
        (void)this->find();
        break;
      case Look::kFindOther:
        (void)this->find(this->kOther);
        break;
      case Look::kVisit:
        (void)this->visits();
        break;
      case Look::kInstall:
        this->install(1);  // older: it looks, and gives up
        break;
      case Look::kEvict:
        this->evict(1);  // looks at what it may not take
        break;
      case Look::kRemove: {
        const Reclaimer::Guard guard = this->reclaimer_.enter();
        if (Entry* const entry = this->table_.find(this->kKey)) this->table_.remove(this->kHash, entry);
        break;
      }
    }
  }
  void leave() {
    Entry* const replacement = this->pool_.make(EntryKind::kSet, "key", 3);
    const Reclaimer::Guard guard = this->reclaimer_.enter();
    switch (kLeave) {
      case Leave::kReplaced:
        this->table_.install(this->kHash, replacement, 0);
        break;
      case Leave::kEvicted: {
        std::uint64_t evicted = 0;
        this->table_.evict(1, 2, evicted);
        break;
      }
      case Leave::kFilled:
        this->table_.fill(this->kHash, first_, replacement);
        break;
      case Leave::kRemoved:
        this->table_.remove(this->kHash, first_);
        break;
      case Leave::kGivesWay:
        this->table_.install(this->kOther.hash, this->pool_.make(EntryKind::kSet, "other", 3), 2);
        break;
    }
  }

  Entry* first_ = nullptr;
};

// A load gives its pending entry up, which hangs in the chain behind another one: without a search before, the way to
// it may lead over an entry that was freed.
struct FreedUnderAGivenUpLoad : OneKey<7> {
  static constexpr std::size_t kThreads = 2;

  FreedUnderAGivenUpLoad() {
    table_.install(kHash, pending, 0);
    table_.install(kOther.hash, other, 0);
  }
  void thread(std::size_t index) {
    if (index == 2) {
      const Reclaimer::Guard guard = reclaimer_.enter();
      expect(table_.remove(kHash, pending), "nobody else removes it");
      return;
    }
    table_.remove(kOther.hash, other);  // without a guard, whose end would tell of it: nothing else is taken out
    for (int call = 0; call < 2; ++call) reclaimer_.collect();
  }
  void check() { expect(table_.find(kKey) == nullptr, "it is given up"); }

  Entry* const pending = pool_.make(EntryKind::kPending, "key", 0);
  Entry* const other = pool_.make(EntryKind::kSet, kOther.bytes, 1);
};

// While an entry is taken out of the chain, another one is put before it, and it is unlinked from there: the old way to
// it, past the new one, is closed as well. No guards but the reader's, whose ends would tell: nothing is freed before
// the one who puts has ended, or if he has not come yet, and then he does not.
struct CoveredUnderAReader : OneKey<7> {
  static constexpr std::size_t kThreads = 3;

  CoveredUnderAReader() { table_.install(kHash, first, 0); }
  void thread(std::size_t index) {
    if (index == 1) {
      expect(table_.remove(kHash, first), "nobody else removes it");
      if (has_begun && !has_put.load(std::memory_order_acquire)) return;
      collects = true;
      for (int call = 0; call < 2; ++call) reclaimer_.collect();
    } else if (index == 2) {
      if (collects) return;
      has_begun = true;
      table_.install(kOther.hash, other, 0);
      has_put.store(true, std::memory_order_release);
    } else {
      (void)find();
    }
  }
  void check() { expect_left(0); }

  Entry* const first = pool_.make(EntryKind::kSet, kKey.bytes, 1);
  Entry* const other = pool_.make(EntryKind::kSet, kOther.bytes, 2);
  CheckedAtomic<bool> has_put{false};
  bool has_begun = false;  // as of the execution, whoever knows of it
  bool collects = false;   // the same
};

// The same, where an entry leaves as the lowest of its key's: it is in a slot, a newer one in the chain. The writer has
// no guard, and needs none, as nobody else takes anything out: the end of a guard would tell of what it did.
struct DedupedUnderTheEvictor : OneKey<6> {
  static constexpr std::size_t kThreads = 2;

  DedupedUnderTheEvictor() {
    install(1);
    table_.install(kHash + 1, pool_.make(EntryKind::kSet, "key", 2), 0);  // by another tag: nothing is replaced
  }
  void thread(std::size_t index) {
    if (index == 2) return evict(0);  // looks at what it may not take
    table_.install(kHash, newest, 0);
    for (int call = 0; call < 2; ++call) reclaimer_.collect();
  }
  void check() { expect_left(3); }

  Entry* const newest = pool_.make(EntryKind::kSet, "key", 3);
};

// The hand of the newcomers comes by an entry that was read, and makes it one of the main queue: its slot changes, and
// whoever is at it meanwhile finds, replaces or removes that entry as if it had not.
enum class At { kFind, kInstall, kRemove };
template <At kAt>
struct PromotedUnderAnother : OneKey<0> {
  static constexpr std::size_t kThreads = 2;

  PromotedUnderAnother() {
    install(1);
    expect(find() == 1, "it is read");
    install(kOther, 1, 0);
  }
  void thread(std::size_t index) {
    if (index == 1) return evict(1);  // the other one is enough
    if (kAt == At::kFind) expect(find() == 1, "a read missed a key that was there throughout");
    if (kAt == At::kInstall) install(2, 1);
    if (kAt == At::kRemove) {
      const Reclaimer::Guard guard = reclaimer_.enter();
      expect(table_.remove(kHash, table_.find(kKey)), "nobody else removes it");
    }
  }
  void check() {
    expect(find(kOther) == 0, "what nobody read is out");
    expect_left(kAt == At::kFind ? 1 : kAt == At::kInstall ? 2 : 0);
  }
};

// A key comes back while its ghost is there, by two writers at a time.
struct BackFromTheGhost : OneKey<0> {
  static constexpr std::size_t kThreads = 2;

  BackFromTheGhost() {
    install(1);
    evict(1);
    expect(find() == 0, "it is out");
  }
  void thread(std::size_t index) { install(1 + index, 1); }
  void check() { expect_left(3); }
};

}  // namespace

std::vector<Study> table_studies() {
  constexpr Bounds kThree{.preemptions = 3, .stale_accesses = 1};
  constexpr Bounds kTwo{.preemptions = 2, .stale_accesses = 1};
  constexpr Bounds kStale{.preemptions = 2, .stale_accesses = 2};
  constexpr Bounds kStaler{.preemptions = 2, .stale_accesses = 3};  // a reader looks at a slot three times
  constexpr Bounds kOnce{.preemptions = 1, .stale_accesses = 2};
  constexpr Bounds kInTurn{.preemptions = 0, .stale_accesses = 3};
  constexpr Bounds kStaleTwice{.preemptions = 0, .stale_accesses = 6};  // at a glance, and in the search after it
  return {
      {scenario_of<TwoWriters<0>>("table: two writers"), kTwo},
      {scenario_of<TwoWriters<6>>("table: two writers, slot and chain"), kTwo},
      {scenario_of<TwoWriters<7>>("table: two writers in the chain"), kTwo},
      {scenario_of<TwoWritersTwoSlots<1>>("table: two writers in two slots"), kTwo},
      {scenario_of<TwoWritersTwoSlots<2>>("table: two writers in two slots, the newer one first"), kTwo},
      {scenario_of<MovedUnderAPass<Pass::kFind>>("table: moved under a reader"), kTwo},
      {scenario_of<MovedUnderAPass<Pass::kVisit>>("table: moved under a visit"), kTwo},
      {scenario_of<MovedInTheDepth<Pass::kFind>>("table: moved from the depth under a reader"), kTwo},
      {scenario_of<MovedInTheDepth<Pass::kVisit>>("table: moved from the depth under a visit"), kTwo},
      {scenario_of<MovedAndUnlinkedByAnother<Pass::kFind>>("table: moved, unlinked by another"), kThree},
      {scenario_of<TwoKeys<0, Written::kAnew>>("table: two keys"), kStaleTwice},
      {scenario_of<TwoKeys<0, Written::kOver>>("table: two keys written over"), kStaleTwice},
      {scenario_of<TwoKeys<7, Written::kForAnother>>("table: two keys for which others give way"), kStaleTwice},
      {scenario_of<TwoKeys<7, Written::kAnew>>("table: two keys in the chain"), kStaleTwice},
      {scenario_of<WrittenTwiceAndEvicted<0>>("table: written twice and evicted"), kStaler},
      {scenario_of<WrittenTwiceAndEvicted<6>>("table: written twice and evicted, slot and chain"), kStaler},
      {scenario_of<WritersAndReader<0>>("table: two writers and a reader"), kTwo},
      {scenario_of<WritersAndReader<6>>("table: two writers and a reader, slot and chain"), kTwo},
      {scenario_of<WritersAndVisit<0>>("table: two writers and a visit"), kStale},
      {scenario_of<WriterEvictorReader<0>>("table: writer, evictor, reader"), kTwo},
      {scenario_of<WriterEvictorReader<7>>("table: writer, evictor, reader in the chain"), kTwo},
      {scenario_of<LoadAndWrite<0>>("table: a load and a write"), kTwo},
      {scenario_of<LoadAndWrite<6>>("table: a load and a write, slot and chain"), kTwo},
      {scenario_of<LoadAndWrite<7>>("table: a load and a write in the chain"), kTwo},
      {scenario_of<FreedUnderALook<0, Look::kFind, Leave::kReplaced>>("table: replaced under a reader"), kStale},
      {scenario_of<FreedUnderALook<0, Look::kFind, Leave::kEvicted>>("table: evicted under a reader"), kStale},
      {scenario_of<FreedUnderALook<0, Look::kFind, Leave::kFilled>>("table: filled under a reader"), kStale},
      {scenario_of<FreedUnderALook<0, Look::kFind, Leave::kRemoved>>("table: removed under a reader"), kStale},
      {scenario_of<FreedUnderALook<0, Look::kInstall, Leave::kRemoved>>("table: removed under a writer"), kStale},
      {scenario_of<FreedUnderALook<0, Look::kEvict, Leave::kReplaced>>("table: replaced under the evictor"), kStale},
      {scenario_of<FreedUnderALook<7, Look::kFind, Leave::kEvicted>>("table: evicted from the chain under a reader"),
       kStale},
      {scenario_of<FreedUnderALook<7, Look::kFind, Leave::kReplaced>>("table: deduped from the chain under a reader"),
       kStale},
      {scenario_of<FreedUnderALook<7, Look::kInstall, Leave::kRemoved>>("table: removed from the chain under a writer"),
       kStale},
      {scenario_of<FreedUnderALook<7, Look::kEvict, Leave::kRemoved>>(
           "table: removed from the chain under the evictor"),
       kStale},
      {scenario_of<FreedUnderALook<7, Look::kFind, Leave::kRemoved, InChain::kBuried>>(
           "table: removed from the depth of the chain under a reader"),
       kStale},
      {scenario_of<FreedUnderALook<0, Look::kVisit, Leave::kReplaced>>("table: replaced under a visit"), kStale},
      {scenario_of<FreedUnderALook<7, Look::kVisit, Leave::kEvicted>>("table: evicted from the chain under a visit"),
       kStale},
      {scenario_of<FreedUnderAGivenUpLoad>("table: removed from the chain under a load that is given up"), kInTurn},
      {scenario_of<CoveredUnderAReader>("table: removed from the chain behind a new one under a reader"), kOnce},
      {scenario_of<DedupedUnderTheEvictor>("table: deduped under the evictor"), kInTurn},
      {scenario_of<FreedUnderALook<6, Look::kFindOther, Leave::kGivesWay>>("table: found in another's slot"), kStale},
      {scenario_of<FreedUnderALook<6, Look::kFind, Leave::kGivesWay>>("table: gives way under a reader"), kStale},
      {scenario_of<FreedUnderALook<7, Look::kRemove, Leave::kRemoved>>("table: removed from the chain twice"), kStale},
      {scenario_of<PromotedUnderAnother<At::kFind>>("table: promoted under a reader"), kStale},
      {scenario_of<PromotedUnderAnother<At::kInstall>>("table: promoted under a writer"), kStale},
      {scenario_of<PromotedUnderAnother<At::kRemove>>("table: promoted under who removes it"), kStale},
      {scenario_of<BackFromTheGhost>("table: back from the ghost"), kTwo},
  };
}

}  // namespace dictsqlite::checker
