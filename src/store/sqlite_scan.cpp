#include "store/sqlite_scan.hpp"

#include "store/sqlite_row.hpp"

#include <absl/strings/str_cat.h>

namespace dictsqlite::store {

namespace {

constexpr int kBusyMilliseconds = 1000;  // for a lock that another process holds for a moment

std::string scan_sql(const KeyRange& range, ScanOrder order) {
  return absl::StrCat("SELECT key,value,expires_at FROM main INDEXED BY sqlite_autoindex_main_1 WHERE key>=?1",
                      range.to.empty() ? "" : " AND key<?2", " ORDER BY key",
                      order == ScanOrder::kReverse ? " DESC" : "");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteScan>> SqliteScan::open(const std::string& path, const ConnectionOptions& options,
                                                             KeyRange range, ScanOrder order) {
  absl::StatusOr<Connection> connection = Connection::open(path, options);
  if (!connection.ok()) return connection.status();
  sqlite3_busy_timeout(connection->handle(), kBusyMilliseconds);
  absl::Status status = connection->configure(options);
  if (!status.ok()) return status;
  std::unique_ptr<SqliteScan> scan(new SqliteScan(*std::move(connection), std::move(range)));
  status = scan->start(order);
  if (!status.ok()) return status;
  return scan;
}

absl::Status SqliteScan::start(ScanOrder order) {
  absl::StatusOr<Statement> prepared = connection_.prepare(scan_sql(range_, order));
  if (!prepared.ok()) return prepared.status();
  statement_ = *std::move(prepared);
  int code = statement_.bind_text(1, range_.from);
  if (code == SQLITE_OK && !range_.to.empty()) code = statement_.bind_text(2, range_.to);
  if (code != SQLITE_OK) return connection_.error(code, "binding the range of a scan of");
  return step();
}

absl::Status SqliteScan::step() {
  const int code = statement_.step();
  on_row_ = code == SQLITE_ROW;
  if (on_row_ && !row_types_ok(statement_)) {
    on_row_ = false;
    return absl::DataLossError(absl::StrCat("'", connection_.path(), "': a row of table main has a wrong type"));
  }
  if (code == SQLITE_DONE) statement_.reset();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return connection_.error(code, "scanning");
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteScan::next(std::size_t rows_max, std::size_t bytes_max, std::vector<ScannedRow>& rows) {
  std::size_t bytes = 0;
  for (std::size_t taken = 0; on_row_ && (taken == 0 || (taken < rows_max && bytes < bytes_max)); ++taken) {
    const std::string_view key = statement_.column_bytes(kKeyColumn);
    const std::string_view value = statement_.column_bytes(kValueColumn);
    bytes += key.size() + value.size();
    rows.push_back(ScannedRow{std::string(key), std::string(value), statement_.column_integer(kExpiryColumn)});
    absl::Status status = step();
    if (!status.ok()) return status;
  }
  return !on_row_;
}

}  // namespace dictsqlite::store
