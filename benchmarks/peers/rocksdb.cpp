// RocksDB: a bloom filter of ten bits, no compression (the values do not compress), everything else as it comes.
#include "peers/sorted_log_store.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

namespace dictsqlite::bench {

namespace {

struct RocksDb {
  static constexpr std::string_view kName = "RocksDB";
  using Db = rocksdb::DB;
  using Options = rocksdb::Options;
  using ReadOptions = rocksdb::ReadOptions;
  using WriteOptions = rocksdb::WriteOptions;
  using Slice = rocksdb::Slice;
  using Iterator = rocksdb::Iterator;
  using WriteBatch = rocksdb::WriteBatch;

  struct Owned {  // nothing: the options share what they point to
    static Options options(const StoreOptions& wanted) {
      rocksdb::BlockBasedTableOptions table;
      table.block_cache = rocksdb::NewLRUCache(wanted.cache_bytes);
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
      Options options;
      options.compression = rocksdb::kNoCompression;
      options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
      return options;
    }
  };
};

}  // namespace

std::unique_ptr<BlockingStore> open_rocksdb(const StoreOptions& options) {
  return std::make_unique<SortedLogStore<RocksDb>>(options);
}

}  // namespace dictsqlite::bench
