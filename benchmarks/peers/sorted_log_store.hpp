// SortedLogStore: what RocksDB and LevelDB have in common, which is all that is needed here: RocksDB began as LevelDB.
#pragma once

#include "peers/blocking_store.hpp"
#include "support/check.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

/// Of the store's own classes. `Kind` has a name; what `Owned` holds, a cache say, outlives the store.
template <class Kind>
class SortedLogStore final : public BlockingStore {
 public:
  explicit SortedLogStore(const StoreOptions& options) {
    typename Kind::Options wanted = owned_.options(options);
    wanted.create_if_missing = true;
    wanted.write_buffer_size = options.write_buffer_bytes;
    write_options_.sync = options.synced;
    typename Kind::Db* opened = nullptr;
    check(Kind::Db::Open(wanted, options.directory, &opened));
    database_.reset(opened);
  }
  void put(std::string_view key, std::string_view value) override {
    check(database_->Put(write_options_, slice(key), slice(value)));
  }
  void put_all(std::span<const StoreRow> rows) override {
    typename Kind::WriteBatch batch;
    for (const StoreRow& row : rows) batch.Put(slice(row.key), slice(row.value));
    check(database_->Write(write_options_, &batch));
  }
  bool get(std::string_view key, std::string& value) override {
    const auto status = database_->Get(typename Kind::ReadOptions(), slice(key), &value);
    if (!status.ok() && !status.IsNotFound()) check(status);
    return status.ok();
  }
  std::size_t scan(std::string_view from, std::size_t rows) override {
    const std::unique_ptr<typename Kind::Iterator> row(database_->NewIterator(typename Kind::ReadOptions()));
    std::size_t seen = 0;
    for (row->Seek(slice(from)); row->Valid() && seen < rows; row->Next()) seen += row->value().empty() ? 0u : 1u;
    check(row->status());
    return seen;
  }

 private:
  static typename Kind::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
  template <class Status>
  static void check(const Status& status) {
    if (!status.ok()) die(Kind::kName, status.ToString());
  }

  typename Kind::Owned owned_;
  typename Kind::WriteOptions write_options_;
  std::unique_ptr<typename Kind::Db> database_;
};

}  // namespace dictsqlite::bench
