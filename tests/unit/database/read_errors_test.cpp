// Goal: a read that cannot be answered ends in an error of its own keys alone, which is never that of a missing key and
// is not remembered. Method: reads of the database file fail in a VFS below the store; or a plain SQLite connection
// puts a row into the file that no dictionary would.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "support/fault_vfs.hpp"
#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite {
namespace {

using Code = absl::StatusCode;
using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::open_database;
using testing_support::TemporaryDirectory;

constexpr std::size_t kKeys = 300;

std::string key_of(std::size_t number) { return "key" + std::to_string(number); }

// A value that fills pages, so that SQLite does not have them all from opening.
std::string value_of(std::size_t number) { return std::string(2'000, 'v') + std::to_string(number); }

// A file that an earlier life has filled.
class FilledFile {
 protected:
  FilledFile() {
    options_.path = directory_.file("test.db");
    Database database = open_database(options_);
    for (std::size_t number = 0; number < kKeys; ++number) {
      EXPECT_EQ(database.set(key_of(number), value_of(number)), absl::OkStatus());
    }
    EXPECT_EQ(database.close(), absl::OkStatus());
  }

  TemporaryDirectory directory_;
  Options options_;
};

// --- reads that fail ---

struct FailedRead {
  int error;
  Code code;  // what it ends in
};

class FailedReads : public FilledFile, public testing::TestWithParam<FailedRead> {
 protected:
  Database open() {
    absl::StatusOr<Database> database = detail::open_in(surroundings_, options_).wait();
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : Database();
  }
  void fail_reads() { vfs_.inject({FaultFile::kDatabase, FaultCall::kRead, GetParam().error}); }

  FaultVfs vfs_;
  detail::Surroundings surroundings_{.vfs_name = vfs_.name()};
};

TEST_P(FailedReads, AreErrorsOfEveryOperationAndNeverAMissingKey) {
  Database database = open();
  fail_reads();
  EXPECT_EQ(database.get(key_of(0)).status().code(), GetParam().code);
  EXPECT_EQ(database.get("nobody").status().code(), GetParam().code) << "nothing is known of it";
  EXPECT_EQ(database.contains(key_of(1)).status().code(), GetParam().code);
  const std::string names[] = {key_of(2), "nobody else", key_of(3)};
  const std::vector<std::string_view> keys(std::begin(names), std::end(names));
  for (const absl::StatusOr<Value>& result : database.batch_get(keys)) {
    EXPECT_EQ(result.status().code(), GetParam().code);
  }
  Scan scan = database.scan();
  EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status().code(), GetParam().code);
  EXPECT_GT(vfs_.failures(), 0);
}

TEST_P(FailedReads, AreNotRemembered) {
  Database database = open();
  fail_reads();
  ASSERT_EQ(database.get(key_of(0)).status().code(), GetParam().code);
  ASSERT_EQ(database.contains("nobody").status().code(), GetParam().code);
  ASSERT_EQ(database.get(key_of(0)).status().code(), GetParam().code) << "and asking again changes nothing";
  vfs_.clear();
  for (std::size_t number = 0; number < kKeys; ++number) {
    const absl::StatusOr<Value> value = database.get(key_of(number));
    ASSERT_TRUE(value.ok()) << number << ": " << value.status();
    ASSERT_EQ(value->view(), value_of(number));
  }
  EXPECT_EQ(database.get("nobody").status().code(), Code::kNotFound);
  EXPECT_FALSE(database.stats().failed) << "a read that failed is no reason to refuse writes";
  EXPECT_EQ(database.set(key_of(0), "new"), absl::OkStatus());
  EXPECT_EQ(database.flush(), absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(Errors, FailedReads,
                         testing::Values(FailedRead{EIO, Code::kDataLoss}, FailedRead{ESTALE, Code::kInternal}),
                         [](const auto& failed) { return failed.param.error == EIO ? "Damage" : "AnyOther"; });

// --- rows that are wrong ---

class BadRows : public FilledFile, public testing::TestWithParam<const char*> {
 protected:
  // As any other program may while the database is closed.
  void run_in_file(const std::string& sql) {
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(other, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(other);
    EXPECT_EQ(sqlite3_changes(other), 1);
    EXPECT_EQ(sqlite3_close(other), SQLITE_OK);
  }
};

TEST_P(BadRows, FailTheirOwnKeyAloneInABatchGet) {
  constexpr std::size_t kBad = 17;
  run_in_file("UPDATE main SET " + std::string(GetParam()) + " WHERE key='" + key_of(kBad) + "'");
  Database database = open_database(options_);
  std::vector<std::string> names;
  for (std::size_t number = 0; number < kKeys; ++number) names.push_back(key_of(number));
  names.emplace_back("nobody");
  const std::vector<std::string_view> keys(names.begin(), names.end());
  for (int look = 0; look < 2; ++look) {  // once from the file, once with the good ones in memory
    const std::vector<absl::StatusOr<Value>> results = database.batch_get(keys);
    ASSERT_EQ(results.size(), keys.size());
    EXPECT_EQ(results[kKeys].status().code(), Code::kNotFound);
    for (std::size_t number = 0; number < kKeys; ++number) {
      if (number == kBad) {
        EXPECT_EQ(results[number].status().code(), Code::kDataLoss) << results[number].status();
      } else {
        ASSERT_TRUE(results[number].ok()) << number << ": " << results[number].status();
        EXPECT_EQ(results[number]->view(), value_of(number));
      }
    }
  }
}

TEST_P(BadRows, AreMendedByAWrite) {
  run_in_file("UPDATE main SET " + std::string(GetParam()) + " WHERE key='" + key_of(0) + "'");
  {
    Database database = open_database(options_);
    ASSERT_EQ(database.get(key_of(0)).status().code(), Code::kDataLoss);
    ASSERT_EQ(database.set(key_of(0), "mended"), absl::OkStatus());
  }
  const absl::StatusOr<Value> value = open_database(options_).get(key_of(0));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->view(), "mended");
}

INSTANTIATE_TEST_SUITE_P(Columns, BadRows, testing::Values("value=7", "value=2.5", "expires_at='soon'"),
                         [](const auto& change) { return "Row" + std::to_string(change.index); });

}  // namespace
}  // namespace dictsqlite
