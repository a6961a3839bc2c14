#include "store/sqlite_reader.hpp"

#include "base/assert.hpp"
#include "store/sqlite_row.hpp"
#include "store/sqlite_schema.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

namespace dictsqlite::store {

namespace {

static_assert(kQuerySizes.back() <= kParametersMax);

// A query is worth filling up if at least one in so many of its parameters is a key of its own.
constexpr std::size_t kFillFactorMax = 2;

// With fewer keys there is too little to fetch at once.
constexpr std::size_t kPrefetchedTogetherMin = 4;

// How long SQLite may wait for a lock that another process holds for a moment.
constexpr int kBusyMilliseconds = 1000;

// Ends a statement, and with it the snapshot it holds, on every way out.
class ResetOnExit {
 public:
  explicit ResetOnExit(Statement& statement) noexcept : statement_(statement) {}
  ~ResetOnExit() { statement_.reset(); }
  ResetOnExit(const ResetOnExit&) = delete;
  ResetOnExit& operator=(const ResetOnExit&) = delete;

 private:
  Statement& statement_;
};

// Rows come in the order of the keys as SQLite works today, so a walk finds each at once; should that change, a
// search does.
std::size_t find_key(std::span<const std::string_view> keys, std::size_t& walk, std::string_view key) noexcept {
  while (walk < keys.size() && keys[walk] != key) ++walk;
  if (walk < keys.size()) return walk;
  return static_cast<std::size_t>(std::lower_bound(keys.begin(), keys.end(), key) - keys.begin());
}

}  // namespace

std::size_t choose_query(std::size_t keys_left) noexcept {
  std::size_t query = 0;
  while (query + 1 < kQuerySizes.size() && keys_left * kFillFactorMax >= kQuerySizes[query + 1] &&
         keys_left > kQuerySizes[query]) {
    ++query;
  }
  return query;
}

absl::StatusOr<std::unique_ptr<SqliteReader>> SqliteReader::open(sqlite3_vfs& below, const std::string& path,
                                                                 ConnectionOptions options, std::size_t map_bytes) {
  std::unique_ptr<SqliteReader> reader(new SqliteReader(below, map_bytes));
  options.vfs_name = reader->vfs_.name();
  {
    const VfsLayer::Registration registration(reader->vfs_);
    if (!registration.ok()) return absl::ResourceExhaustedError("no memory to register a VFS");
    absl::StatusOr<Connection> connection = Connection::open(path, options);
    if (!connection.ok()) return connection.status();
    reader->connection_ = *std::move(connection);
  }
  options.map_bytes = reader->vfs_.maps() ? map_bytes : 0;  // else SQLite would map, without our caution
  sqlite3_busy_timeout(reader->connection_.handle(), kBusyMilliseconds);
  absl::Status status = reader->connection_.configure(options);
  if (!status.ok()) return status;
  absl::StatusOr<Statement> select = reader->connection_.prepare(kSelectLastSequence);
  if (!select.ok()) return select.status();
  reader->select_last_sequence_ = *std::move(select);
  reader->main_ = find_main(reader->connection_).value_or(IndexedTable());  // without it nothing is prefetched
  return reader;
}

absl::StatusOr<StoreReader::LoadResult> SqliteReader::load(std::uint32_t table_id,
                                                           std::span<const std::string_view> keys,
                                                           absl::FunctionRef<void(const LoadedRow&)> found) {
  DICTSQLITE_ASSERT(table_id == kMainTable, "there is one table yet");
  const ResetOnExit end_of_snapshot(select_last_sequence_);
  const absl::StatusOr<std::uint64_t> sequence = begin_snapshot();
  if (!sequence.ok()) return sequence.status();
  LoadResult result{.snapshot_sequence = *sequence, .queries = 0};
  prefetch(keys);
  std::size_t first = 0;
  while (first < keys.size()) {
    const std::size_t query = choose_query(keys.size() - first);
    const std::size_t count = std::min(kQuerySizes[query], keys.size() - first);
    absl::Status status = run_query(keys, first, count, query, found);
    if (!status.ok()) return status;
    first += count;
    ++result.queries;
  }
  return result;
}

// The statement stays on its row: while it does, every other statement of this connection reads the same snapshot.
// That saves BEGIN and COMMIT.
absl::StatusOr<std::uint64_t> SqliteReader::begin_snapshot() {
  const int code = select_last_sequence_.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return connection_.error(code, "reading the last sequence of");
  if (code == SQLITE_DONE || select_last_sequence_.column_type(0) != SQLITE_INTEGER) {
    return absl::DataLossError(absl::StrCat("'", connection_.path(), "': no last sequence"));
  }
  return static_cast<std::uint64_t>(select_last_sequence_.column_integer(0));
}

absl::Status SqliteReader::run_query(std::span<const std::string_view> keys, std::size_t first, std::size_t count,
                                     std::size_t query, absl::FunctionRef<void(const LoadedRow&)> found) {
  absl::Status status = prepare_query(query);
  if (!status.ok()) return status;
  Statement& statement = queries_[query];
  const std::span<const std::string_view> group = keys.subspan(first, count);
  for (std::size_t i = 0; i < kQuerySizes[query]; ++i) {
    const int code = statement.bind_text(static_cast<int>(i) + 1, group[std::min(i, count - 1)]);
    if (code != SQLITE_OK) return connection_.error(code, "binding a key to a query of");
  }
  const ResetOnExit end_of_query(statement);
  std::size_t walk = 0;
  int code = SQLITE_OK;
  while ((code = statement.step()) == SQLITE_ROW) {
    if (!row_types_ok(statement)) {
      return absl::DataLossError(absl::StrCat("'", connection_.path(), "': a row of table main has a wrong type"));
    }
    const std::string_view key = statement.column_bytes(kKeyColumn);
    const std::size_t index = find_key(group, walk, key);
    if (index == group.size() || group[index] != key) {
      return absl::DataLossError(absl::StrCat("'", connection_.path(), "': the index of table main names a wrong row"));
    }
    found(LoadedRow{first + index, statement.column_bytes(kValueColumn), statement.column_integer(kExpiryColumn)});
  }
  if (code != SQLITE_DONE) return connection_.error(code, "loading keys from");
  return absl::OkStatus();
}

void SqliteReader::prefetch(std::span<const std::string_view> keys) {
  if (keys.size() < kPrefetchedTogetherMin || !vfs_.maps() || vfs_.page_bytes() == 0) return;
  rows_prefetched_ +=
      prefetch_rows(main_, keys, vfs_.page_bytes(), [this](std::uint32_t number) { return vfs_.page(number); });
}

absl::Status SqliteReader::prepare_query(std::size_t query) {
  if (queries_[query].prepared()) return absl::OkStatus();
  // The index is named so that no statistics in the file can make SQLite read the whole table.
  std::string sql = "SELECT key,value,expires_at FROM main INDEXED BY sqlite_autoindex_main_1 WHERE key IN (?";
  for (std::size_t i = 1; i < kQuerySizes[query]; ++i) absl::StrAppend(&sql, ",?");
  absl::StrAppend(&sql, ")");
  absl::StatusOr<Statement> prepared = connection_.prepare(sql);
  if (!prepared.ok()) return prepared.status();
  queries_[query] = *std::move(prepared);
  return absl::OkStatus();
}

}  // namespace dictsqlite::store
