// Goal: ring, table and reclaimer keep their promises to each other under real threads: reads never go back in time,
// entries are whole, memory comes back [I1]-[I5]. Method: writers take the five steps of a write through a real ring;
// one consumer applies to an array that stands for the database; readers load what is missing through pending entries;
// an evictor throws out whatever it may. The schedule test explores interleavings; this one adds weak memory, large
// numbers and ThreadSanitizer.
#include "base/hash.hpp"
#include "base/watermark.hpp"
#include "cache/table.hpp"
#include "ring/admission.hpp"
#include "ring/write_ring.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;
using testing_support::Random;
using testing_support::scaled;
using Outcome = Table::PendingResult::Outcome;

constexpr std::size_t kKeys = 32;
constexpr std::size_t kWriters = 3;
constexpr std::size_t kReaders = 3;

class Stress {
 public:
  Stress() {
    for (std::size_t index = 0; index < kKeys; ++index) {
      keys_[index].name = "key" + std::to_string(index);
      keys_[index].hash = base::hash_key(1, keys_[index].name);
    }
  }

  void run(std::size_t writes_each, std::size_t reads_each) {
    std::vector<std::thread> clients;
    std::thread consumer([&] { consume(); });
    std::thread evictor([&] { evict(); });
    for (std::size_t index = 0; index < kWriters; ++index)
      clients.emplace_back([&, index] { write(index, writes_each); });
    for (std::size_t index = 0; index < kReaders; ++index)
      clients.emplace_back([&, index] { read(100 + index, reads_each); });
    for (std::thread& client : clients) client.join();
    ring_.close();
    consumer.join();
    stop_.store(true, std::memory_order_relaxed);
    evictor.join();
  }

  /// Everything agrees with the database when all is quiet, and nothing is left when all is evicted.
  void check() {
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      for (const Subject& subject : keys_) {
        const Entry* const entry = table_.find({subject.hash, 1, subject.name});
        if (entry == nullptr) continue;
        EXPECT_TRUE(entry->is_real());
        EXPECT_EQ(sequence_in(subject, *entry), subject.row);
      }
      std::uint64_t evicted = 0;
      table_.evict(~std::size_t{0}, applied_.value(), evicted);
    }
    reclaimer_.collect();
    EXPECT_EQ(pool_.used_bytes(), 0u);
    EXPECT_EQ(admission_.used_bytes(), 0u);
  }

 private:
  struct Load {
    std::atomic<std::uint64_t> result{kNone};
  };
  struct Subject {
    std::string name;
    std::uint64_t hash = 0;
    std::mutex lock;
    std::vector<std::unique_ptr<Load>> loads;  // under the lock
    std::uint64_t row = 0;                     // in the database: under database_
    std::atomic<std::uint64_t> completed{0};   // newest sequence that a finished operation wrote or saw
  };
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  static constexpr std::size_t kBacklogBytesMax = 8u << 20;

  static std::string value_of(const Subject& subject, std::uint64_t sequence) {
    if (sequence == 0) return "";
    return subject.name + "=" + std::to_string(sequence) + std::string(sequence % 500, '.');
  }
  static void complete(Subject& subject, std::uint64_t sequence) {
    for (std::uint64_t seen = subject.completed.load(); seen < sequence;) {
      if (subject.completed.compare_exchange_weak(seen, sequence)) return;
    }
  }

  void write(std::size_t stream, std::size_t count) {
    Random random(stream);
    for (std::size_t index = 0; index < count;) {
      if (must_wait_for_a_reader()) continue;
      Subject& subject = keys_[random.below(kKeys)];
      // The sequence is in the value, and known only at the claim: build for the longest, and cut.
      const std::string space(subject.name.size() + 521, '?');
      Entry* const entry = pool_.make(EntryKind::kSet, 1, subject.name, space, 0);
      ASSERT_NE(entry, nullptr);
      const std::size_t bytes = EntryPool::footprint(*entry);
      ring::Claim claim{ring::ClaimOutcome::kFull, 0};
      if (admission_.try_reserve(bytes)) {
        claim = ring_.try_claim();
        if (claim.outcome != ring::ClaimOutcome::kClaimed) admission_.give_back(bytes);
      }
      if (claim.outcome != ring::ClaimOutcome::kClaimed) {
        pool_.release(entry);
        std::this_thread::yield();
        continue;
      }
      const std::string value = value_of(subject, claim.ticket);
      std::copy(value.begin(), value.end(), entry->key_data() + subject.name.size());
      entry->sequence = claim.ticket;
      EntryPool::retain(*entry);  // the pipeline's
      {
        const Reclaimer::Guard guard = reclaimer_.enter();
        table_.install(subject.hash, entry, applied_.value());
      }
      ring_.publish(claim.ticket, entry);
      complete(subject, claim.ticket);
      ++index;
    }
  }

  // As the library does it: while somebody is descheduled under a guard, nothing more is retired without bound.
  bool must_wait_for_a_reader() {
    if (reclaimer_.backlog_bytes() <= kBacklogBytesMax) return false;
    std::this_thread::yield();
    return true;
  }

  void consume() {
    for (;;) {
      std::vector<Entry*> batch;
      while (batch.size() < 64) {
        Entry* const entry = ring_.pop();
        if (entry == nullptr) break;
        batch.push_back(entry);
      }
      ring_.release_room();
      if (batch.empty()) {
        if (ring_.is_closed() && ring_.next() == ring_.claimed()) return;
        std::this_thread::yield();
        continue;
      }
      {
        const std::scoped_lock lock(database_);
        for (const Entry* entry : batch) {
          for (Subject& subject : keys_) {
            if (subject.name == entry->key()) subject.row = entry->sequence;
          }
        }
        last_sequence_ = batch.back()->sequence;
      }
      applied_.raise(batch.back()->sequence);
      for (Entry* entry : batch) {
        admission_.give_back(EntryPool::footprint(*entry));
        pool_.release(entry);
      }
    }
  }

  void evict() {
    Random random(200);
    while (!stop_.load(std::memory_order_relaxed)) {
      {
        const Reclaimer::Guard guard = reclaimer_.enter();
        std::uint64_t evicted = 0;
        table_.evict(1 + random.below(20'000), applied_.value(), evicted);
      }
      reclaimer_.collect();
      std::this_thread::yield();
    }
  }

  void read(std::size_t stream, std::size_t count) {
    Random random(stream);
    for (std::size_t index = 0; index < count; ++index) {
      Subject& subject = keys_[random.below(kKeys)];
      const std::uint64_t floor = subject.completed.load();
      std::uint64_t seen = kNone;
      while (seen == kNone) seen = try_read(subject);
      ASSERT_GE(seen, floor) << subject.name << ": a read went back in time";
      complete(subject, seen);
    }
  }
  std::uint64_t try_read(Subject& subject) {
    Load* joined = nullptr;
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      if (const Entry* const entry = table_.find({subject.hash, 1, subject.name});
          entry != nullptr && entry->is_real()) {
        if (entry->kind == EntryKind::kSet) {
          EXPECT_EQ(entry->value().substr(0, subject.name.size()), subject.name);
        }
        return sequence_in(subject, *entry);
      }
    }
    if (must_wait_for_a_reader()) return kNone;
    Entry* pending = nullptr;
    {
      const std::scoped_lock lock(subject.lock);
      pending = pool_.make(EntryKind::kPending, 1, subject.name, "", 0);
      EXPECT_NE(pending, nullptr);
      EntryPool::retain(*pending);  // the load's
      subject.loads.push_back(std::make_unique<Load>());
      pending->set_word(subject.loads.back().get());
      const Reclaimer::Guard guard = reclaimer_.enter();
      const Table::PendingResult result = table_.place_pending(subject.hash, pending, applied_.value());
      if (result.outcome != Outcome::kStands) {
        pool_.release(pending);
        if (result.outcome == Outcome::kLost) return kNone;
        if (result.entry->is_real()) return sequence_in(subject, *result.entry);
        joined = result.entry->word<Load>();
      }
    }
    if (joined == nullptr) return load(subject, pending);
    std::uint64_t seen = kNone;
    while ((seen = joined->result.load(std::memory_order_acquire)) == kNone) std::this_thread::yield();
    return seen;
  }
  std::uint64_t load(Subject& subject, Entry* pending) {
    std::uint64_t row = 0;
    std::uint64_t snapshot = 0;
    {
      const std::scoped_lock lock(database_);
      row = subject.row;
      snapshot = last_sequence_;
    }
    Entry* const fill =
        pool_.make(row == 0 ? EntryKind::kAbsent : EntryKind::kSet, 1, subject.name, value_of(subject, row), 0);
    EXPECT_NE(fill, nullptr);
    fill->sequence = snapshot;
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      table_.fill(subject.hash, pending, fill);
    }
    pending->word<Load>()->result.store(row, std::memory_order_release);
    pool_.release(pending);
    return row;
  }
  // Of the write that the value came from, whoever brought it here.
  static std::uint64_t sequence_in(const Subject& subject, const Entry& entry) {
    if (entry.kind == EntryKind::kAbsent) return 0;
    return std::strtoull(std::string(entry.value().substr(subject.name.size() + 1, 20)).c_str(), nullptr, 10);
  }

  std::array<Subject, kKeys> keys_;
  EntryPool pool_{32u << 20};
  Reclaimer reclaimer_{pool_};
  Table table_{8, pool_, reclaimer_};  // two buckets for 32 keys: slots and chains
  ring::WriteRing ring_{256, 1};
  ring::Admission admission_{100'000};
  base::Watermark applied_;
  std::mutex database_;
  std::uint64_t last_sequence_ = 0;  // under database_
  std::atomic<bool> stop_{false};
};

TEST(TableStress, ReadsNeverGoBackInTimeUnderWritesLoadsAndEviction) {
  Stress stress;
  stress.run(scaled(60'000), scaled(100'000));
  stress.check();
}

}  // namespace
}  // namespace dictsqlite::cache
