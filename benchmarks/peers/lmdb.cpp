// LMDB: a writable map, synced at each commit only if that is asked for, one transaction a write, read transactions
// that are renewed. What it caches is the kernel's page cache: there is nothing to choose.
#include "peers/blocking_store.hpp"
#include "support/check.hpp"

#include <lmdb.h>

#include <memory>
#include <span>

namespace dictsqlite::bench {

namespace {

constexpr std::size_t kMapBytes = std::size_t{16} << 30;

void check(int code) {
  if (code != MDB_SUCCESS) die("LMDB", mdb_strerror(code));
}
MDB_val bytes_of(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

// A read transaction of a thread, renewed for each read, as the documentation recommends.
class Reader {
 public:
  explicit Reader(MDB_env* environment) { check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction_)); }
  ~Reader() { mdb_txn_abort(transaction_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  template <class Read>
  void read(Read&& read) {
    if (used_) check(mdb_txn_renew(transaction_));
    used_ = true;
    read(transaction_);
    mdb_txn_reset(transaction_);
  }

 private:
  MDB_txn* transaction_ = nullptr;
  bool used_ = false;
};

class Lmdb final : public BlockingStore {
 public:
  explicit Lmdb(const StoreOptions& options) {
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, kMapBytes));
    const unsigned flags = MDB_WRITEMAP | MDB_NORDAHEAD | (options.synced ? 0u : MDB_NOSYNC);
    check(mdb_env_open(environment_, options.directory.c_str(), flags, 0644));
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    check(mdb_dbi_open(transaction, nullptr, 0, &database_));
    check(mdb_txn_commit(transaction));
  }
  void put(std::string_view key, std::string_view value) override {
    const StoreRow row{key, value};
    put_all({&row, 1});
  }
  void put_all(std::span<const StoreRow> rows) override {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    for (const StoreRow& row : rows) {
      MDB_val key = bytes_of(row.key);
      MDB_val value = bytes_of(row.value);
      check(mdb_put(transaction, database_, &key, &value, 0));
    }
    check(mdb_txn_commit(transaction));
  }
  bool get(std::string_view key, std::string& value) override {
    bool found = false;
    reader().read([&](MDB_txn* transaction) {
      MDB_val key_bytes = bytes_of(key);
      MDB_val value_bytes{};
      const int code = mdb_get(transaction, database_, &key_bytes, &value_bytes);
      if (code == MDB_NOTFOUND) return;
      check(code);
      value.assign(static_cast<const char*>(value_bytes.mv_data), value_bytes.mv_size);
      found = true;
    });
    return found;
  }
  std::size_t scan(std::string_view from, std::size_t rows) override {
    std::size_t seen = 0;
    reader().read([&](MDB_txn* transaction) {
      MDB_cursor* cursor = nullptr;
      check(mdb_cursor_open(transaction, database_, &cursor));
      MDB_val key_bytes = bytes_of(from);
      MDB_val value_bytes{};
      int code = mdb_cursor_get(cursor, &key_bytes, &value_bytes, MDB_SET_RANGE);
      while (code == MDB_SUCCESS && seen < rows) {
        seen += value_bytes.mv_size != 0 ? 1u : 0u;
        code = mdb_cursor_get(cursor, &key_bytes, &value_bytes, MDB_NEXT);
      }
      mdb_cursor_close(cursor);
      if (code != MDB_NOTFOUND) check(code);
    });
    return seen;
  }

 private:
  Reader& reader() {
    static thread_local std::unique_ptr<Reader> reader;
    if (reader == nullptr) reader = std::make_unique<Reader>(environment_);
    return *reader;
  }

  MDB_env* environment_ = nullptr;  // until the process ends: the readers' threads may outlive us
  MDB_dbi database_ = 0;
};

}  // namespace

std::unique_ptr<BlockingStore> open_lmdb(const StoreOptions& options) { return std::make_unique<Lmdb>(options); }

}  // namespace dictsqlite::bench
