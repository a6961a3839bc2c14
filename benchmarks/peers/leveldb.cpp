// LevelDB: a bloom filter of ten bits, no compression (the values do not compress), everything else as it comes.
#include "peers/sorted_log_store.hpp"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

namespace dictsqlite::bench {

namespace {

struct LevelDb {
  static constexpr std::string_view kName = "LevelDB";
  using Db = leveldb::DB;
  using Options = leveldb::Options;
  using ReadOptions = leveldb::ReadOptions;
  using WriteOptions = leveldb::WriteOptions;
  using Slice = leveldb::Slice;
  using Iterator = leveldb::Iterator;
  using WriteBatch = leveldb::WriteBatch;

  struct Owned {
    std::unique_ptr<leveldb::Cache> cache;
    std::unique_ptr<const leveldb::FilterPolicy> filter{leveldb::NewBloomFilterPolicy(10)};

    Options options(const StoreOptions& wanted) {
      cache.reset(leveldb::NewLRUCache(wanted.cache_bytes));
      Options options;
      options.compression = leveldb::kNoCompression;
      options.block_cache = cache.get();
      options.filter_policy = filter.get();
      return options;
    }
  };
};

}  // namespace

std::unique_ptr<BlockingStore> open_leveldb(const StoreOptions& options) {
  return std::make_unique<SortedLogStore<LevelDb>>(options);
}

}  // namespace dictsqlite::bench
