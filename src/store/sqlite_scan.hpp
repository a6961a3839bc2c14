// SqliteScan: walks a range of keys in one snapshot. Its statement is the read transaction.
#pragma once

#include "store/sqlite_connection.hpp"
#include "store/store.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time.
class SqliteScan final : public StoreScan {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteScan>> open(const std::string& path,
                                                                        const ConnectionOptions& options,
                                                                        KeyRange range, ScanOrder order);

  [[nodiscard]] absl::StatusOr<bool> next(std::size_t rows_max, std::size_t bytes_max,
                                          std::vector<ScannedRow>& rows) override;

 private:
  SqliteScan(Connection connection, KeyRange range) : connection_(std::move(connection)), range_(std::move(range)) {}

  [[nodiscard]] absl::Status start(ScanOrder order);
  [[nodiscard]] absl::Status step();

  Connection connection_;
  KeyRange range_;  // bound to the statement
  Statement statement_;
  bool on_row_ = false;
};

}  // namespace dictsqlite::store
