// Table: the lock-free hash table of entries. What the library knows of each key, newest first.
//
// A bucket has seven slots and a control word, see cache/bucket.hpp. Entries that find no slot hang in an overflow
// chain, linked through the entries themselves: whoever has an entry has a place for it, so install() cannot fail.
//
// Thread-safety: every member from any thread, under a Reclaimer guard that the caller holds. place_pending() in
//                addition under the caller's lock for the key, see Flights.
// Ownership:     holds one reference of every entry in it; removal hands that to the reclaimer.
// Progress:      find() and install() are lock-free: a retry means that another thread changed the bucket.
//
// The protocol, for the entries of one key:
//
//   install   replaces the key's entry in its slot by compare-and-swap, if what is there is older. If the key is in
//             no slot, it *places*: takes an empty slot, or a clean entry's, or the head of the chain; then raises
//             the bucket's version; then *dedupes*: removes the lowest of the key's entries, pending ones first,
//             until one is left. Two writers may both place; each one's dedupe sees the other's entry, or comes
//             first and is seen. All of it happens before the writer's ring slot is published, so that no
//             entry is applied, let alone evicted, while an older one of its key may still appear [I3].
//   find      reads the version, all slots, the chain, and the version again; then the chosen slot once more.
//             Without the version, a reader could pass an empty slot, then miss the entry that a dedupe removed
//             because of what was meanwhile placed there. Without the last look, it could hand out an entry whose
//             newer sibling was applied and evicted between the two.
//   fill      is a compare-and-swap from the very pending entry the load was started for [I4].
//   evict     removes entries with sequence <= applied, by compare-and-swap on the slot [I2].
//
// That what is found stays allocated is the fences' doing, (G1) and (G2) of the reclaimer, whatever the orders here.
// They are for the rest:
//   (T1) An entry is whole to whoever finds it: what puts it in releases, looks acquire.
//   (T2) Whoever takes an entry of several out has raised the version before, and releases that with it: a reader that
//        acquires its absence sees the version raised, and the last look sees what its sibling's absence tells of.
//   (T3) Of two who place at a time, the one that raises the version later sees what the other has placed: it looks at
//        the control word next, which hands on what all who raised it released (a release sequence).
//   (T4) What a compare-and-swap checks may have been read in any order.
//   (T5) What replaces an entry or raises the version, and the looks of search(), are seq_cst: of two threads that each
//        write a key and then read the other's, one sees the other's write. Without, the history of each key would be
//        right, and that of both would not.
//
// tests/model/ explores every interleaving of this protocol at small size; model_orderings shows each of its orders to
// be needed.
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "base/seeded_bug.hpp"
#include "cache/bucket.hpp"
#include "cache/bucket_array.hpp"
#include "cache/evictor.hpp"
#include "cache/overflow_chain.hpp"
#include "cache/reclaimer.hpp"
#include "entry/entry_pool.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
class BasicTable {
 public:
  using Entry = entry::BasicEntry<Atomics>;
  using EntryPool = entry::BasicEntryPool<Atomics>;
  using Reclaimer = BasicReclaimer<Atomics>;

  /// What a key's hash selects. Computed once per operation.
  struct Key {
    std::uint64_t hash;
    std::uint32_t table_id;
    std::string_view bytes;
  };

  /// A table with room for about `entries` (address space is reserved at once, touched as needed). Check valid().
  BasicTable(std::size_t entries, EntryPool& pool, Reclaimer& reclaimer) noexcept
      : pool_(pool), reclaimer_(reclaimer), buckets_(entries / kSlotsAimed) {}
  /// Everything still in the table is released. No other thread may use it any more.
  ~BasicTable() {
    if (!valid()) return;
    for (std::size_t index = 0; index < bucket_count(); ++index) release_all(buckets_[index]);
  }
  BasicTable(const BasicTable&) = delete;
  BasicTable& operator=(const BasicTable&) = delete;

  [[nodiscard]] bool valid() const noexcept { return buckets_.valid(); }

  /// The key's newest entry: set, erase or absent; or the pending one if there is nothing else; or nullptr, and then
  /// nothing about the key was in the table at one moment during the call.
  [[nodiscard]] Entry* find(const Key& key) noexcept {
    Entry* entry = find_alone(key);
    if (DICTSQLITE_LIKELY(entry != nullptr)) return entry;
    entry = search<Goal::kRead>(buckets_.of(key.hash), key, nullptr).entry;
    if (entry != nullptr) mark_visited(*entry);
    return entry;
  }
  /// What find() would return if the key is where most are: in a slot, with a tag that no other has, in a bucket
  /// without a chain. nullptr says nothing. Takes no loop and no call.
  [[nodiscard, gnu::always_inline]] Entry* find_alone(const Key& key) noexcept {
    Bucket& bucket = buckets_.of(key.hash);
    const Glance seen = bucket.glance(Bucket::tag_of(key.hash));
    if (DICTSQLITE_UNLIKELY(!seen.has_one() || !Chain::is_empty(seen.control))) return nullptr;
    const std::uint32_t index = seen.first();
    const std::uint64_t word = bucket.slots[index].load(std::memory_order_acquire);  // (T1)
    Entry* const entry = entry_of(word);
    prefetch_rest(entry);
    const bool is_it = !Bucket::is_empty(word) && matches(*entry, key) &&
                       bucket.control.load(std::memory_order_relaxed) == seen.control &&  // (T2)
                       bucket.slots[index].load(std::memory_order_relaxed) == word;       // (T2)
    if (DICTSQLITE_UNLIKELY(!is_it)) return nullptr;
    mark_visited(*entry);
    return entry;
  }

  /// Hints for many look-ups in a row: first the bucket of each, then, under a guard, its entry.
  void prefetch_bucket(std::uint64_t hash) const noexcept { __builtin_prefetch(&buckets_.of(hash)); }
  void prefetch_entry(std::uint64_t hash) const noexcept { pool_.prefetch(offset_of_tag(hash)); }
  /// The same for install(), which changes the bucket, and retires the entry it replaces.
  void prefetch_bucket_for_install(std::uint64_t hash) const noexcept { base::prefetch_for_write(&buckets_.of(hash)); }
  void prefetch_entry_for_install(std::uint64_t hash) const noexcept { pool_.prefetch_for_write(offset_of_tag(hash)); }

  /// Puts a stamped entry in, unless something newer is there for its key. Takes over one of its references, in
  /// either case. Cannot fail, waits for nothing. `applied` tells which entries are clean and may give way.
  void install(std::uint64_t hash, Entry* entry, std::uint64_t applied) noexcept {
    Bucket& bucket = buckets_.of(hash);
    const Key key{hash, entry->table_id, entry->key()};
    const std::uint64_t word = word_of(hash, entry);
    for (;;) {
      const Found found = search(bucket, key, nullptr);
      if (found.entry != nullptr && order_of(*found.entry) > order_of(*entry) &&
          !DICTSQLITE_SEEDED_BUG(kOlderInstalled)) {
        reclaimer_.retire(entry);  // superseded before it was seen; never in the table, but retiring is always safe
        return;
      }
      if (found.entry != nullptr && found.slot != kInChain) {
        std::uint64_t expected = found.word;
        entry->visited.store(1, std::memory_order_relaxed);  // see Entry::visited; published below
        if (!bucket.slots[found.slot].compare_exchange_strong(expected, in_queue_of(found.word, word),
                                                              std::memory_order_seq_cst, std::memory_order_relaxed))
          continue;  // (T1) (T5)
        reclaimer_.retire(found.entry);
        return;
      }
      // What is in the chain is in the main queue.
      if (place(bucket, entry, found.entry == nullptr ? word | Bucket::kNewcomer : word, applied)) break;
    }
    dedupe(bucket, key);
  }

  struct PendingResult {
    enum class Outcome : std::uint8_t {
      kStands,  // the load may start; `entry` is null
      kFound,   // `entry` makes the load unnecessary: a real entry, or another pending one
      kLost,    // a write came and went meanwhile and took the pending entry along: try again with a new one
    };
    Outcome outcome;
    Entry* entry;
  };

  /// Places `pending` for a key of which nothing is known. The caller holds the key's lock, so that no other pending
  /// entry of the key is placed meanwhile; writers may interfere. Takes over one of pending's references in each case.
  [[nodiscard]] PendingResult place_pending(std::uint64_t hash, Entry* pending, std::uint64_t applied) noexcept {
    Bucket& bucket = buckets_.of(hash);
    const Key key{hash, pending->table_id, pending->key()};
    const std::uint64_t word = word_of(hash, pending);
    Found found = search(bucket, key, nullptr);
    if (found.entry != nullptr) {
      reclaimer_.retire(pending);
      return {PendingResult::Outcome::kFound, found.entry};
    }
    while (!place(bucket, pending, word | Bucket::kNewcomer, applied)) {
    }
    found = search(bucket, key, pending);
    if (found.entry != nullptr) {
      remove(hash, pending);
      return {PendingResult::Outcome::kFound, found.entry};
    }
    // A writer that has placed and not yet deduped has not completed either; its dedupe will take the pending entry
    // away before it does. One that completed before our search has taken it already.
    return {holds(bucket, pending) ? PendingResult::Outcome::kStands : PendingResult::Outcome::kLost, nullptr};
  }

  /// Replaces a pending entry by what was loaded for it, if it is still there and in a slot. Takes over one
  /// reference of `fill` in either case. Returns whether the fill is now in the table.
  bool fill(std::uint64_t hash, Entry* pending, Entry* fill) noexcept {
    Bucket& bucket = buckets_.of(hash);
    // Who joined the load has asked for what comes of it.
    fill->visited.store(pending->visited.load(std::memory_order_relaxed), std::memory_order_relaxed);  // see there
    for (Slot& slot : bucket.slots) {
      std::uint64_t there = slot.load(std::memory_order_relaxed);  // (T4)
      if (is_word_of(there, pending) &&
          slot.compare_exchange_strong(there, in_queue_of(there, word_of(hash, fill)), std::memory_order_release,
                                       std::memory_order_relaxed)) {  // (T1)
        reclaimer_.retire(pending);
        return true;
      }
    }
    if (DICTSQLITE_SEEDED_BUG(kFillOverWrite) && place(bucket, fill, word_of(hash, fill), 0))
      return !remove(hash, pending);
    remove(hash, pending);  // it may hang in the chain, where nothing can be swapped: delivered, not cached
    // Nobody saw it through us, so it need not wait for readers; and it must not: another flight of the key may have
    // put the same entry into the table, and an entry is retired once.
    pool_.release(fill);
    return false;
  }

  /// Takes this very entry out, if it is still in. Returns whether this call removed it.
  bool remove(std::uint64_t hash, Entry* entry) noexcept {
    Bucket& bucket = buckets_.of(hash);
    for (Slot& slot : bucket.slots) {
      std::uint64_t there = slot.load(std::memory_order_relaxed);  // (T4)
      while (is_word_of(there, entry)) {                           // it may go to the main queue meanwhile
        if (!slot.compare_exchange_strong(there, 0, std::memory_order_relaxed)) continue;
        reclaimer_.retire(entry);
        return true;
      }
    }
    return chain_of(bucket).remove(entry);
  }

  /// See BasicEvictor.
  std::size_t evict(std::size_t bytes, std::uint64_t applied, std::uint64_t& evicted) noexcept {
    return evictor_.evict(bytes, applied, evicted);
  }
  std::size_t sweep_absences(std::size_t buckets, std::uint64_t applied, std::uint64_t& evicted) noexcept {
    return evictor_.sweep_absences(buckets, applied, evicted);
  }

  /// Calls `visit(Entry&)` for the newest real entry of every key in buckets [first, last): for scans of a database
  /// without a disk. A key that is in the table throughout is visited once, whatever is written to it meanwhile.
  template <class Visit>
  void visit(std::size_t first, std::size_t last, Visit&& visit) noexcept {
    std::vector<Entry*> seen;
    for (std::size_t index = first; index < last && index < bucket_count(); ++index) {
      collect_real(buckets_[index], seen);
      for (Entry* entry : seen) {
        const bool superseded = std::any_of(seen.begin(), seen.end(), [&](const Entry* other) {
          return other->sequence > entry->sequence && other->table_id == entry->table_id &&
                 other->key() == entry->key();
        });
        if (!superseded) visit(*entry);
      }
    }
  }
  [[nodiscard]] std::size_t bucket_count() const noexcept { return buckets_.size(); }

 private:
  using Bucket = BasicBucket<Atomics>;
  using Slot = typename Bucket::Slot;
  using Glance = typename Bucket::Glance;
  using Vacancy = typename Bucket::Vacancy;
  using Chain = BasicOverflowChain<Atomics>;
  using Evictor = BasicEvictor<Atomics>;
  static constexpr std::size_t kSlots = Bucket::kSlots;
  static constexpr std::size_t kSlotsAimed = 4;  // entries per bucket at the expected size: few chains
  static constexpr std::uint32_t kInChain = kSlots;

  struct Found {
    Entry* entry = nullptr;
    std::uint32_t slot = kInChain;
    std::uint64_t word = 0;
  };

  [[nodiscard]] std::uint64_t word_of(std::uint64_t hash, const Entry* entry) const noexcept {
    return Bucket::word(Bucket::tag_of(hash), pool_.offset_of(entry));
  }
  [[nodiscard]] Entry* entry_of(std::uint64_t word) const noexcept { return pool_.at(Bucket::offset(word)); }
  // Of the first slot with the tag of this hash, for a hint: any other offset if there is none. Without a branch, which
  // would be taken wrongly for most keys.
  [[nodiscard]] entry::BlockOffset offset_of_tag(std::uint64_t hash) const noexcept {
    Bucket& bucket = buckets_.of(hash);
    Glance seen = bucket.glance(Bucket::tag_of(hash));
    seen.matching |= 1;                                                                 // the last slot
    return Bucket::offset(bucket.slots[seen.first()].load(std::memory_order_relaxed));  // a hint only
  }
  // In either queue.
  [[nodiscard]] bool is_word_of(std::uint64_t word, const Entry* entry) const noexcept {
    return Bucket::offset(word) == pool_.offset_of(entry);
  }
  // The word of an entry that takes over from another one.
  [[nodiscard]] static std::uint64_t in_queue_of(std::uint64_t replaced, std::uint64_t word) noexcept {
    return word | (replaced & Bucket::kNewcomer);
  }
  [[nodiscard]] Chain chain_of(Bucket& bucket) const noexcept { return Chain(bucket.control, pool_, reclaimer_); }

  [[nodiscard]] static bool matches(const Entry& entry, const Key& key) noexcept {
    return entry.table_id == key.table_id && entry.has_key(key.bytes);
  }

  // Where key and value lie is known from an entry's first line only: the others would be waited for after it.
  static void prefetch_rest(const Entry* entry) noexcept {
    for (std::size_t line = 1; line < 3; ++line) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(entry) + line * base::kCacheLine);
    }
  }

  static void mark_visited(Entry& entry) noexcept {
    if (entry.visited.load(std::memory_order_relaxed) == 0) {
      entry.visited.store(1, std::memory_order_relaxed);  // see Entry::visited
    }
  }

  // What is done with what was found: a reader wants its value as well.
  enum class Goal : std::uint8_t { kRead, kReplace };
  // The highest entry of the key other than `except`, valid at one moment during the call.
  template <Goal kGoal = Goal::kReplace>
  [[nodiscard]] Found search(Bucket& bucket, const Key& key, const Entry* except) noexcept {
    for (;;) {
      Glance seen = bucket.glance(Bucket::tag_of(key.hash));
      const std::uint64_t control = seen.control;
      Found found;
      for (; seen.matching != 0; seen.drop_first()) {
        const std::uint32_t index = seen.first();
        const std::uint64_t word = bucket.slots[index].load(std::memory_order_acquire);  // (T1)
        if (Bucket::is_empty(word)) continue;
        Entry* const entry = entry_of(word);
        if constexpr (kGoal == Goal::kRead) prefetch_rest(entry);
        consider(found, entry, index, word, key, except);
      }
      chain_of(bucket).for_each(control, [&](Entry* entry) { consider(found, entry, kInChain, 0, key, except); });
      if (DICTSQLITE_LIKELY(bucket.control.load(std::memory_order_relaxed) == control) &&  // (T2)
          still_there(bucket, found))
        return found;
    }
  }
  void consider(Found& found, Entry* entry, std::uint32_t slot, std::uint64_t word, const Key& key,
                const Entry* except) const noexcept {
    if (!matches(*entry, key) || entry == except) return;
    if (found.entry == nullptr || order_of(*entry) > order_of(*found.entry)) found = {entry, slot, word};
  }
  [[nodiscard]] bool still_there(Bucket& bucket, const Found& found) const noexcept {
    if (found.entry == nullptr) return true;
    if (found.slot != kInChain) return bucket.slots[found.slot].load(std::memory_order_relaxed) == found.word;  // (T2)
    return !Chain::is_removed(found.entry->chain_next.load(std::memory_order_relaxed));                         // (T2)
  }
  [[nodiscard]] bool holds(Bucket& bucket, const Entry* entry) const noexcept {
    for (Slot& slot : bucket.slots) {
      if (is_word_of(slot.load(std::memory_order_relaxed), entry)) return true;  // as of search(), or newer
    }
    return chain_of(bucket).holds(entry);
  }
  // All real entries of a bucket, as of a moment when nothing was placed: else one that moves from the chain into a
  // slot could be missed, as in search().
  void collect_real(Bucket& bucket, std::vector<Entry*>& seen) noexcept {
    std::uint64_t control = 0;
    do {
      control = bucket.control.load(std::memory_order_acquire);  // (T1) (T2)
      seen.clear();
      for (Slot& slot : bucket.slots) {
        const std::uint64_t word = slot.load(std::memory_order_acquire);  // (T1) (T2)
        if (!Bucket::is_empty(word) && entry_of(word)->is_real()) seen.push_back(entry_of(word));
      }
      chain_of(bucket).for_each(control, [&](Entry* entry) {
        if (entry->is_real()) seen.push_back(entry);
      });
    } while (bucket.control.load(std::memory_order_relaxed) != control);  // (T2)
  }

  // Puts the entry where the key is not, as a newcomer or not as its word says, and raises the version. False: somebody
  // was faster, try again.
  [[nodiscard]] bool place(Bucket& bucket, Entry* entry, std::uint64_t word, std::uint64_t applied) noexcept {
    const Vacancy vacancy = bucket.vacancy_for(Bucket::tag(word));
    if (vacancy.slot != kSlots) {
      // Who comes back soon after he was evicted goes to the main queue.
      std::uint64_t expected = vacancy.word;
      if (!bucket.slots[vacancy.slot].compare_exchange_strong(expected,
                                                              vacancy.is_own ? word & ~Bucket::kNewcomer : word,
                                                              std::memory_order_release, std::memory_order_relaxed))
        return false;  // (T1)
      raise_version(bucket);
      return true;
    }
    const Victim victim = victim_in(bucket, applied);
    if (victim.slot == kSlots) {
      chain_of(bucket).push(entry);  // raises the version with it
      return true;
    }
    std::uint64_t expected = victim.word;
    if (Bucket::is_empty(victim.word) || !bucket.slots[victim.slot].compare_exchange_strong(
                                             expected, word, std::memory_order_release, std::memory_order_relaxed))
      return false;  // (T1)
    raise_version(bucket);
    reclaimer_.retire(entry_of(victim.word));
    return true;
  }
  struct Victim {
    std::uint32_t slot = kSlots;  // kSlots: nobody is to give way
    std::uint64_t word = 0;
  };
  // The clean entry of a full bucket that is to give way, a newcomer if possible, or a slot that has become empty.
  // Those that were read are spared. If that is all of them, they are to be read again to be spared once more: the
  // eviction hands do not come while the table is within its budget, and a key would find no place for ever.
  [[nodiscard]] Victim victim_in(Bucket& bucket, std::uint64_t applied) noexcept {
    Victim victim;
    std::array<Entry*, kSlots> spared{};
    std::size_t spared_count = 0;
    for (std::uint32_t index = 0; index < kSlots; ++index) {
      const std::uint64_t there = bucket.slots[index].load(std::memory_order_acquire);  // (T1)
      if (Bucket::is_empty(there)) return {index, there};
      Entry* const entry = entry_of(there);
      if (!Evictor::is_clean(*entry, applied)) continue;
      if (entry->visited.load(std::memory_order_relaxed) != 0) {  // see Entry::visited
        spared[spared_count++] = entry;
      } else if (victim.slot == kSlots || (Bucket::is_newcomer(there) && !Bucket::is_newcomer(victim.word))) {
        victim = {index, there};
      }
    }
    if (victim.slot == kSlots) {
      for (std::size_t i = 0; i < spared_count; ++i)
        spared[i]->visited.store(0, std::memory_order_relaxed);  // see Entry::visited
    }
    return victim;
  }
  static void raise_version(Bucket& bucket) noexcept {
    bucket.control.fetch_add(Chain::kOneVersion, std::memory_order_seq_cst);  // (T2) (T3) (T5)
  }

  // Removes the lowest of the key's entries until one is left.
  void dedupe(Bucket& bucket, const Key& key) noexcept {
    for (;;) {
      const std::uint64_t control = bucket.control.load(std::memory_order_acquire);  // (T1) (T3)
      Found lowest;
      std::uint32_t count = 0;
      const auto look = [&](Entry* entry, std::uint32_t slot, std::uint64_t word) {
        if (!matches(*entry, key)) return;
        ++count;
        if (lowest.entry == nullptr || order_of(*entry) < order_of(*lowest.entry)) lowest = {entry, slot, word};
      };
      for (std::uint32_t index = 0; index < kSlots; ++index) {
        const std::uint64_t word = bucket.slots[index].load(std::memory_order_acquire);  // (T1) (T2)
        if (Bucket::tag(word) == Bucket::tag_of(key.hash) && !Bucket::is_empty(word)) look(entry_of(word), index, word);
      }
      chain_of(bucket).for_each(control, [&](Entry* entry) { look(entry, kInChain, 0); });
      if (bucket.control.load(std::memory_order_relaxed) != control) continue;  // (T2)
      if (count <= 1) return;
      // The newer one may be in a slot that a reader has passed, put there by a writer that has yet to raise the
      // version. Without raising it here too, that reader would miss both and find nothing.
      raise_version(bucket);
      if (lowest.slot == kInChain) {
        chain_of(bucket).remove(lowest.entry);
      } else {
        std::uint64_t expected = lowest.word;
        if (bucket.slots[lowest.slot].compare_exchange_strong(expected, 0, std::memory_order_release,
                                                              std::memory_order_relaxed))
          reclaimer_.retire(lowest.entry);  // (T2)
      }
    }
  }

  void release_all(Bucket& bucket) noexcept {
    for (Slot& slot : bucket.slots) {
      const std::uint64_t word = slot.load(std::memory_order_relaxed);  // no other thread is left
      if (!Bucket::is_empty(word)) pool_.release(entry_of(word));
    }
    const Chain chain = chain_of(bucket);
    for (Entry* entry = chain.first(bucket.control.load(std::memory_order_relaxed)); entry != nullptr;) {  // the same
      Entry* const next = chain.at(entry->chain_next.load(std::memory_order_relaxed));                     // the same
      pool_.release(entry);
      entry = next;
    }
  }

  EntryPool& pool_;
  Reclaimer& reclaimer_;
  BasicBucketArray<Atomics> buckets_;
  Evictor evictor_{buckets_, pool_, reclaimer_};
};

using Table = BasicTable<>;

}  // namespace dictsqlite::cache
