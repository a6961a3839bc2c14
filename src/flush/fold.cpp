#include "flush/fold.hpp"

#include "base/seeded_bug.hpp"
#include "flush/key_prefix.hpp"
#include "flush/write_path.hpp"

#include <algorithm>

namespace dictsqlite::flush {

namespace {

// Entries were written by other threads a while ago: each is fetched so many entries before it is looked at.
constexpr std::size_t kAhead = 8;

bool same_key(const entry::Entry& a, const entry::Entry& b) noexcept {
  return a.table_id == b.table_id && a.key() == b.key();
}

}  // namespace

void Fold::add(entry::Entry* entry) { items_.push_back({key_prefix(entry->key()), entry, entry->table_id}); }

void Fold::begin(std::span<entry::Entry* const> writes) {
  items_.clear();
  next_ = 0;
  rows_given_ = 0;
  for (std::size_t index = 0; index < writes.size(); ++index) {
    if (index + kAhead < writes.size()) __builtin_prefetch(writes[index + kAhead]);
    entry::Entry* const write = writes[index];
    if (write->kind == entry::EntryKind::kBatch) {
      const BatchRows& batch = *write->word<BatchRows>();
      for (std::size_t row = 0; row < batch.count; ++row) add(batch.rows[row]);
    } else {
      add(write);
    }
  }
  std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
    if (a.table_id != b.table_id) return a.table_id < b.table_id;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = a.entry->key().compare(b.entry->key());
    if (order != 0) return order < 0;
    if (DICTSQLITE_SEEDED_BUG(kOlderFolded)) return a.entry->sequence > b.entry->sequence;
    return a.entry->sequence < b.entry->sequence;  // a batch holds a key once: never equal
  });
}

std::span<const store::RowWrite> Fold::next() {
  portion_.clear();
  for (; next_ < items_.size() && portion_.size() < kPortionRows; ++next_) {
    if (next_ + kAhead < items_.size()) __builtin_prefetch(items_[next_ + kAhead].entry);
    const entry::Entry& entry = *items_[next_].entry;
    const bool newest = next_ + 1 == items_.size() || items_[next_].prefix != items_[next_ + 1].prefix ||
                        !same_key(entry, *items_[next_ + 1].entry);
    if (!newest) continue;
    const bool is_set = entry.kind == entry::EntryKind::kSet;
    if (!is_set && DICTSQLITE_SEEDED_BUG(kEraseFolded)) continue;
    portion_.push_back({is_set ? store::RowKind::kSet : store::RowKind::kErase, entry.table_id, entry.expires_at,
                        entry.key(), is_set ? entry.value() : std::string_view()});
  }
  rows_given_ += portion_.size();
  return portion_;
}

}  // namespace dictsqlite::flush
