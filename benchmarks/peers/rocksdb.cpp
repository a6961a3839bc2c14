// RocksDB: a bloom filter of ten bits, no compression (the values do not compress), everything else as it comes.
#include "peers/blocking_store.hpp"
#include "support/check.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <memory>

namespace dictsqlite::bench {

namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class RocksDb final : public BlockingStore {
 public:
  explicit RocksDb(const StoreOptions& options) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    rocksdb::Options wanted;
    wanted.create_if_missing = true;
    wanted.compression = rocksdb::kNoCompression;
    wanted.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    wanted.write_buffer_size = std::size_t{64} << 20;
    rocksdb::DB* opened = nullptr;
    check(rocksdb::DB::Open(wanted, options.directory, &opened));
    database_.reset(opened);
  }
  void put(std::string_view key, std::string_view value) override {
    check(database_->Put(rocksdb::WriteOptions(), slice(key), slice(value)));
  }
  bool get(std::string_view key, std::string& value) override {
    const rocksdb::Status status = database_->Get(rocksdb::ReadOptions(), slice(key), &value);
    if (!status.ok() && !status.IsNotFound()) check(status);
    return status.ok();
  }
  std::size_t scan(std::string_view from, std::size_t rows) override {
    const std::unique_ptr<rocksdb::Iterator> row(database_->NewIterator(rocksdb::ReadOptions()));
    std::size_t seen = 0;
    for (row->Seek(slice(from)); row->Valid() && seen < rows; row->Next()) seen += row->value().empty() ? 0u : 1u;
    check(row->status());
    return seen;
  }

 private:
  static void check(const rocksdb::Status& status) {
    if (!status.ok()) die("RocksDB", status.ToString());
  }

  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace

std::unique_ptr<BlockingStore> open_rocksdb(const StoreOptions& options) { return std::make_unique<RocksDb>(options); }

}  // namespace dictsqlite::bench
