#include "database/make_write.hpp"

#include "database/engine.hpp"
#include "flush/write_path.hpp"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <cstdlib>
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

// The last write of each key, by position in the batch.
std::vector<std::size_t> fold(const WriteBatch& batch) {
  absl::flat_hash_map<absl::string_view, std::size_t> last;
  last.reserve(batch.size());
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const std::string_view key = batch.row(index).key;
    last.insert_or_assign(absl::string_view(key.data(), key.size()), index);
  }
  std::vector<std::size_t> kept;
  kept.reserve(last.size());
  for (const auto& [key, index] : last) kept.push_back(index);
  return kept;
}

// The batch as one entry of the ring, or nullptr if memory is short.
Entry* build(Engine& engine, const WriteBatch& batch) {
  entry::EntryPool& pool = engine.cache().pool();
  const std::vector<std::size_t> kept = fold(batch);
  void* memory = std::malloc(sizeof(BatchRows) + kept.size() * sizeof(Entry*));
  Entry* write = pool.make(EntryKind::kBatch, 0, {}, {}, 0);
  if (memory == nullptr || write == nullptr) {
    std::free(memory);
    if (write != nullptr) pool.release(write);
    return nullptr;
  }
  auto* rows = new (memory) BatchRows{0, entry::EntryPool::footprint(*write), nullptr};
  rows->rows = reinterpret_cast<Entry**>(rows + 1);
  write->set_word(rows);
  for (const std::size_t index : kept) {
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
