// LevelDB: a bloom filter of ten bits, no compression (the values do not compress), everything else as it comes.
#include "peers/blocking_store.hpp"
#include "support/check.hpp"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include <memory>

namespace dictsqlite::bench {

namespace {

leveldb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class LevelDb final : public BlockingStore {
 public:
  explicit LevelDb(const StoreOptions& options)
      : cache_(leveldb::NewLRUCache(options.cache_bytes)), filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options wanted;
    wanted.create_if_missing = true;
    wanted.compression = leveldb::kNoCompression;
    wanted.block_cache = cache_.get();
    wanted.filter_policy = filter_.get();
    wanted.write_buffer_size = std::size_t{64} << 20;
    leveldb::DB* opened = nullptr;
    check(leveldb::DB::Open(wanted, options.directory, &opened));
    database_.reset(opened);
  }
  void put(std::string_view key, std::string_view value) override {
    check(database_->Put(leveldb::WriteOptions(), slice(key), slice(value)));
  }
  bool get(std::string_view key, std::string& value) override {
    const leveldb::Status status = database_->Get(leveldb::ReadOptions(), slice(key), &value);
    if (!status.ok() && !status.IsNotFound()) check(status);
    return status.ok();
  }
  std::size_t scan(std::string_view from, std::size_t rows) override {
    const std::unique_ptr<leveldb::Iterator> row(database_->NewIterator(leveldb::ReadOptions()));
    std::size_t seen = 0;
    for (row->Seek(slice(from)); row->Valid() && seen < rows; row->Next()) seen += row->value().empty() ? 0u : 1u;
    check(row->status());
    return seen;
  }

 private:
  static void check(const leveldb::Status& status) {
    if (!status.ok()) die("LevelDB", status.ToString());
  }

  const std::unique_ptr<leveldb::Cache> cache_;
  const std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> database_;
};

}  // namespace

std::unique_ptr<BlockingStore> open_leveldb(const StoreOptions& options) { return std::make_unique<LevelDb>(options); }

}  // namespace dictsqlite::bench
