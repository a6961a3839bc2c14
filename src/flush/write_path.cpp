#include "flush/write_path.hpp"

#include "base/seeded_bug.hpp"

#include <algorithm>
#include <cstdlib>

namespace dictsqlite::flush {

using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;

namespace {

// Makes room, in the end.
bool only_erases(const Entry& write) noexcept {
  if (write.kind != EntryKind::kBatch) return write.kind == EntryKind::kErase;
  const BatchRows& batch = *write.word<BatchRows>();
  return std::all_of(batch.rows, batch.rows + batch.count,
                     [](const Entry* row) { return row->kind == EntryKind::kErase; });
}

}  // namespace

std::size_t WritePath::footprint(const Entry& entry) noexcept {
  if (entry.kind == EntryKind::kBatch) return entry.word<BatchRows>()->footprint;
  return EntryPool::footprint(entry);
}

void WritePath::release(Entry* write) noexcept {
  EntryPool& pool = cache_.pool();
  if (write->kind == EntryKind::kBatch) {
    BatchRows* const batch = write->word<BatchRows>();
    for (std::size_t index = 0; index < batch->count; ++index) pool.release(batch->rows[index]);
    std::free(batch);
  }
  pool.release(write);
}

Accepted WritePath::try_accept(Entry* entry, Ring ring) noexcept {
  const bool is_refused = limits_.refuse_on_disk_full && disk_full();
  if (DICTSQLITE_UNLIKELY(parked_.must_wait()) && !DICTSQLITE_SEEDED_BUG(kParkedOvertaken)) {
    if (parked_.is_closed()) return {AcceptOutcome::kClosed, 0};
    return {is_refused ? AcceptOutcome::kDiskFull : AcceptOutcome::kNoRoom, 0};  // those before it may wait for long
  }
  if (DICTSQLITE_UNLIKELY(is_refused)) return {AcceptOutcome::kDiskFull, 0};
  if (limits_.memory_only && cache_.is_full() && !only_erases(*entry)) return {AcceptOutcome::kFull, 0};
  return accept_with_room(entry, ring);
}

Accepted WritePath::try_accept_parked(Entry* entry) noexcept { return accept_with_room(entry, Ring::kAtOnce); }

Accepted WritePath::accept_with_room(Entry* entry, Ring ring) noexcept {
  // 1 reserve
  if (DICTSQLITE_UNLIKELY(cache_.backlog_is_full())) return {AcceptOutcome::kNoRoom, 0};
  const bool is_batch = entry->kind == EntryKind::kBatch;
  if (is_batch && !gate_.try_enter()) {
    return {ring_.is_failed() ? AcceptOutcome::kFailed : AcceptOutcome::kNoRoom, 0};
  }
  const std::size_t bytes = footprint(*entry);
  const std::size_t rows = is_batch ? entry->word<BatchRows>()->count : 1;
  ring::Claim claim{ring::ClaimOutcome::kFull, 0};
  if (admission_.try_reserve(bytes)) {
    const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
    claim = ring_.try_claim();  // 2 claim
    if (claim.outcome == ring::ClaimOutcome::kClaimed) {
      install(entry, claim.ticket);  // 3 stamp, 4 install
      if (is_batch) gate_.leave();
      ring_.publish(claim.ticket, entry);  // 5 publish
    } else {
      admission_.give_back(bytes);
    }
  }
  switch (claim.outcome) {
    case ring::ClaimOutcome::kClaimed:
      if (ring == Ring::kAtOnce) doorbell_.published(claim.ticket);
      cache_.collect_share(claim.ticket, rows);
      return {AcceptOutcome::kAccepted, claim.ticket};
    case ring::ClaimOutcome::kFull:
      if (is_batch) gate_.leave();
      return {AcceptOutcome::kNoRoom, 0};
    case ring::ClaimOutcome::kClosed:
      if (is_batch) gate_.leave();
      return {AcceptOutcome::kClosed, 0};
    case ring::ClaimOutcome::kFailed:
      break;
  }
  if (is_batch) gate_.leave();
  return {AcceptOutcome::kFailed, 0};
}

void WritePath::install(Entry* entry, std::uint64_t sequence) noexcept {
  // Without a disk nothing is clean in the sense of evictable: no entry may give way to another.
  const std::uint64_t applied = limits_.memory_only ? 0 : watermarks_.applied.value();
  const auto put = [&](Entry& row) {
    const std::uint64_t hash = row.sequence != 0 ? row.sequence : base::hash_key(row.table_id, row.key());
    row.sequence = sequence;
    EntryPool::retain_unshared(row);  // the cache's reference; the other one is the pipeline's
    cache_.table().install(hash, &row, applied);
  };
  if (entry->kind == EntryKind::kBatch) {
    const BatchRows& batch = *entry->word<BatchRows>();
    entry->sequence = sequence;
    for (std::size_t index = 0; index < batch.count; ++index) put(*batch.rows[index]);
  } else {
    put(*entry);
  }
}

}  // namespace dictsqlite::flush
