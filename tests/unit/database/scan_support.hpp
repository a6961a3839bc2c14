// What tests of scans share: a database to be scanned, numbered keys, whole walks, and a walking coroutine that can be
// destroyed where it waits.
#pragma once

#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/suspended.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

using Rows = std::vector<std::pair<std::string, std::string>>;

/// What one fetch of the loader's brings.
inline constexpr std::size_t kRowsAFetch = 256;

/// Keys whose order is that of their numbers.
inline std::string numbered(std::size_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "n%08zu", number);
  return text;
}

/// What is left of a scan.
inline Rows rest_of(Scan& scan) {
  Rows rows;
  while (std::optional<Row> row = scan.next()) rows.emplace_back(std::move(row->key), std::move(row->value));
  return rows;
}

/// A whole scan that must end well.
inline Rows rows_of(Database& database, const ScanOptions& options = {}) {
  Scan scan = database.scan(options);
  Rows rows = rest_of(scan);
  EXPECT_EQ(scan.status(), absl::OkStatus());
  return rows;
}

/// A database of the test's own.
class ScanTest : public testing::Test {
 protected:
  explicit ScanTest(PersistMode mode = PersistMode::kWriteBehind) {
    options_.path = directory_.file("test.db");
    options_.persist_mode = mode;
    database_ = open_database(options_);
  }
  void reopen() {
    database_ = Database();
    database_ = open_database(options_);
  }

  TemporaryDirectory directory_;
  Options options_;
  ManualExecutor executor_;  // of coroutines that are destroyed while they wait: outlives the database
  Database database_;
};

/// Walks and counts. Not `while (co_await ...)`: GCC 12 gets the destruction of a coroutine wrong that waits there.
inline Suspended walk(Scan scan, Executor executor, std::size_t* rows) {
  for (;;) {
    const std::optional<Row> row = co_await scan.next_async().via(executor);
    if (!row.has_value()) break;
    ++*rows;
  }
}

/// The same over a scan that is the caller's and outlives the coroutine.
inline Suspended walk_borrowed(Scan& scan, Executor executor) {
  for (;;) {
    const std::optional<Row> row = co_await scan.next_async().via(executor);
    if (!row.has_value()) break;
  }
}

}  // namespace dictsqlite::testing_support
