#include "database/make_write.hpp"

#include "database/engine.hpp"
#include "flush/write_path.hpp"

#include <absl/strings/str_cat.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace dictsqlite::detail {

using entry::Entry;
using entry::EntryKind;
using flush::BatchRows;

namespace {

WriteOperation refuse(EngineHandle engine, absl::StatusCode code, std::string message) {
  return WriteOperation(std::move(engine), code, std::move(message));
}

// What is wrong with the operation whatever it writes; kOk if nothing.
Immediate check_engine(const Engine* engine, WriteOptions options) noexcept {
  if (engine == nullptr) return {absl::StatusCode::kFailedPrecondition, "there is no database in this handle"};
  if (engine->memory_only() && options.ack == Ack::kDurable) {
    return {absl::StatusCode::kInvalidArgument, "Ack::kDurable needs a disk: the database is PersistMode::kMemory"};
  }
  return {};
}

Immediate check_row(const Engine& engine, std::string_view key, std::string_view value) noexcept {
  const Immediate outcome = engine.check_key(key);
  if (outcome.code != absl::StatusCode::kOk) return outcome;
  if (value.size() > engine.options().value_bytes_max) {
    return {absl::StatusCode::kInvalidArgument, "the value is longer than Options::value_bytes_max"};
  }
  return {};
}

Ack ack_of(const Engine& engine, WriteOptions options) noexcept {
  const Ack by_mode = engine.options().persist_mode == PersistMode::kWriteThrough ? Ack::kDurable : Ack::kAccepted;
  return options.ack.value_or(by_mode);
}

constexpr const char* kNoMemory = "no memory for the write";

// The last write of each key, by position in the batch. A table of its own, since those of the libraries throw when
// memory is short, and Abseil's is then freed what it never had.
class LastWrites {
 public:
  /// `batch` is not empty.
  explicit LastWrites(const WriteBatch& batch)
      : slots_(std::bit_ceil(2 * batch.size())), memory_(new(std::nothrow) std::uint32_t[slots_ + batch.size()]()) {
    if (memory_ == nullptr) return;
    for (std::size_t index = batch.size(); index-- > 0;) {
      if (is_first_look(batch, static_cast<std::uint32_t>(index))) kept()[count_++] = static_cast<std::uint32_t>(index);
    }
  }
  /// False if memory is short.
  [[nodiscard]] bool valid() const noexcept { return memory_ != nullptr; }
  [[nodiscard]] std::span<const std::uint32_t> indices() const noexcept { return {kept(), count_}; }

 private:
  [[nodiscard]] std::uint32_t* kept() const noexcept { return memory_.get() + slots_; }

  // Whether no later write has the key of this one; then it has a slot, with its index and one.
  bool is_first_look(const WriteBatch& batch, std::uint32_t index) noexcept {
    const std::string_view key = batch.row(index).key;
    std::size_t slot = base::hash_key(store::kMainTable, key) & (slots_ - 1);
    for (; memory_[slot] != 0; slot = (slot + 1) & (slots_ - 1)) {
      if (batch.row(memory_[slot] - 1).key == key) return false;
    }
    memory_[slot] = index + 1;
    return true;
  }

  const std::size_t slots_;                        // a power of two; at most half of them are used
  const std::unique_ptr<std::uint32_t[]> memory_;  // slots, and behind them the indices that are kept
  std::size_t count_ = 0;
};

// The batch as one entry of the ring, or nullptr if memory is short.
Entry* build(Engine& engine, const WriteBatch& batch) {
  entry::EntryPool& pool = engine.cache().pool();
  const LastWrites last(batch);
  if (!last.valid()) return nullptr;
  void* memory = std::malloc(sizeof(BatchRows) + last.indices().size() * sizeof(Entry*));
  Entry* write = pool.make(EntryKind::kBatch, 0, {}, {}, 0);
  if (memory == nullptr || write == nullptr) {
    std::free(memory);
    if (write != nullptr) pool.release(write);
    return nullptr;
  }
  auto* rows = new (memory) BatchRows{0, entry::EntryPool::footprint(*write), nullptr};
  rows->rows = reinterpret_cast<Entry**>(rows + 1);
  write->set_word(rows);
  for (const std::uint32_t index : last.indices()) {
    const WriteBatch::Row row = batch.row(index);
    const EntryKind kind = row.kind == WriteBatch::Kind::kSet ? EntryKind::kSet : EntryKind::kErase;
    Entry* entry = pool.make(kind, store::kMainTable, row.key, row.value, store::kNoExpiry);
    if (entry == nullptr) {
      engine.path().release(write);
      return nullptr;
    }
    rows->rows[rows->count++] = entry;
    rows->footprint += entry::EntryPool::footprint(*entry);
  }
  return write;
}

}  // namespace

WriteOperation make_write(EngineHandle handle, EntryKind kind, std::string_view key, std::string_view value,
                          WriteOptions options) {
  Engine* engine = handle.get();
  Immediate outcome = check_engine(engine, options);
  if (outcome.code == absl::StatusCode::kOk) outcome = check_row(*engine, key, value);
  if (outcome.code != absl::StatusCode::kOk) return refuse(std::move(handle), outcome.code, outcome.message);
  // What installing will want is fetched meanwhile: the bucket while key and value are copied, then the older entry.
  const std::uint64_t hash = base::hash_key(store::kMainTable, key);
  engine->cache().table().prefetch_bucket_for_install(hash);
  Entry* entry = engine->cache().pool().make(kind, store::kMainTable, key, value, store::kNoExpiry);
  engine->cache().table().prefetch_entry_for_install(hash);
  if (entry == nullptr) return refuse(std::move(handle), absl::StatusCode::kResourceExhausted, kNoMemory);
  entry->sequence = hash;
  return WriteOperation(std::move(handle), entry, ack_of(*engine, options));
}

WriteOperation make_write(EngineHandle handle, const WriteBatch& batch, WriteOptions options) {
  Engine* engine = handle.get();
  Immediate outcome = check_engine(engine, options);
  if (outcome.code != absl::StatusCode::kOk) return refuse(std::move(handle), outcome.code, outcome.message);
  if (batch.empty()) return refuse(std::move(handle), absl::StatusCode::kOk, {});
  const Options& limits = engine->options();
  if (batch.size() > limits.batch_rows_max) {
    return refuse(
        std::move(handle), absl::StatusCode::kInvalidArgument,
        absl::StrCat("the batch has ", batch.size(), " writes; Options::batch_rows_max is ", limits.batch_rows_max));
  }
  if (batch.bytes() > limits.batch_bytes_max) {
    return refuse(
        std::move(handle), absl::StatusCode::kInvalidArgument,
        absl::StrCat("the batch has ", batch.bytes(), " bytes; Options::batch_bytes_max is ", limits.batch_bytes_max));
  }
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const WriteBatch::Row row = batch.row(index);
    outcome = check_row(*engine, row.key, row.value);
    if (outcome.code == absl::StatusCode::kOk) continue;
    return refuse(std::move(handle), outcome.code, absl::StrCat("write ", index, " of the batch: ", outcome.message));
  }
  Entry* write = build(*engine, batch);
  if (write == nullptr) return refuse(std::move(handle), absl::StatusCode::kResourceExhausted, kNoMemory);
  // Entries take more than their keys and values: with many small rows that can exceed the whole budget.
  if (flush::WritePath::footprint(*write) > limits.unapplied_bytes) {
    engine->path().release(write);
    return refuse(std::move(handle), absl::StatusCode::kInvalidArgument,
                  "the batch takes more memory than Options::unapplied_bytes: it would wait for ever");
  }
  return WriteOperation(std::move(handle), write, ack_of(*engine, options));
}

}  // namespace dictsqlite::detail
