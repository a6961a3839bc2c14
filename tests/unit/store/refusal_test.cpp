// Goal: what is not ours to open is refused with the right code, and not one byte of it changes.
// Method: a directory is compared, name by name and byte by byte, before and after.

#include "store_test_support.hpp"
#include "support/as_nobody.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>

namespace dictsqlite::store::testing {
namespace {

using testing_support::as_nobody;

// Expects that opening `name` in `directory` fails with `code` and leaves no trace.
void expect_refused(const TempDirectory& directory, const std::string& name, absl::StatusCode code) {
  const auto before = directory.contents();
  const auto store = SqliteStore::open(options_for(directory.file(name)));
  EXPECT_EQ(store.status().code(), code) << store.status();
  EXPECT_EQ(directory.contents(), before);
}

// A database of ours, closed, to be damaged.
std::string make_database(const TempDirectory& directory) {
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  EXPECT_TRUE(apply_sets(*store, numbered_rows("k", 50, 50), 50).ok());
  EXPECT_TRUE(store->writer().close().ok());
  return path;
}

void patch(const std::string& path, std::size_t offset, std::string_view bytes) {
  std::string content = read_bytes(path);
  content.replace(offset, bytes.size(), bytes);
  write_bytes(path, content);
}

TEST(Refusal, AFileThatIsNoDatabase) {
  const TempDirectory directory;
  write_bytes(directory.file("world.db"), std::string(5000, 'x'));
  expect_refused(directory, "world.db", absl::StatusCode::kInvalidArgument);
}

TEST(Refusal, AnEmptyOrVeryShortFile) {
  const TempDirectory directory;
  write_bytes(directory.file("empty"), "");
  write_bytes(directory.file("short"), std::string("SQLite format 3\0", 16));
  expect_refused(directory, "empty", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "short", absl::StatusCode::kInvalidArgument);
}

TEST(Refusal, AnotherProgramsDatabaseInAnyJournalMode) {
  for (const char* mode : {"DELETE", "WAL"}) {
    const TempDirectory directory;
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(directory.file("world.db").c_str(), &database), SQLITE_OK);
    const std::string sql = std::string("PRAGMA journal_mode=") + mode + ";CREATE TABLE main(key,value)";
    ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
    expect_refused(directory, "world.db", absl::StatusCode::kInvalidArgument);
  }
}

TEST(Refusal, AnotherProgramsDatabaseWhileThatProgramHasItOpen) {
  const TempDirectory directory;
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(directory.file("world.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA journal_mode=WAL;CREATE TABLE t(x);INSERT INTO t VALUES(1)", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  expect_refused(directory, "world.db", absl::StatusCode::kInvalidArgument);
  sqlite3_close(database);
}

TEST(Refusal, ANewerFormat) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  patch(path, 60, std::string_view("\0\0\0\2", 4));  // user_version
  expect_refused(directory, "world.db", absl::StatusCode::kUnimplemented);
}

TEST(Refusal, ADamagedHeader) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  const std::string good = read_bytes(path);
  struct Damage {
    std::size_t offset;
    std::string_view bytes;
  };
  const Damage damages[] = {
      {16, std::string_view("\x03\x00", 2)},          // page size
      {18, std::string_view("\x07\x07", 2)},          // file format versions
      {56, std::string_view("\x00\x00\x00\x02", 4)},  // encoding
      {60, std::string_view("\x00\x00\x00\x00", 4)},  // user_version
  };
  for (const Damage& damage : damages) {
    write_bytes(path, good);
    patch(path, damage.offset, damage.bytes);
    expect_refused(directory, "world.db", absl::StatusCode::kDataLoss);
  }
}

TEST(Refusal, ADamagedFirstPage) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  patch(path, 100, std::string(200, '\x55'));
  expect_refused(directory, "world.db", absl::StatusCode::kDataLoss);
}

TEST(Refusal, ATruncatedDatabase) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  write_bytes(path, read_bytes(path).substr(0, 4096));
  expect_refused(directory, "world.db", absl::StatusCode::kDataLoss);
}

struct Alteration {
  const char* name;
  const char* sql;
  absl::StatusCode code;
};

class AlteredDatabase : public ::testing::TestWithParam<Alteration> {};

TEST_P(AlteredDatabase, IsRefused) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, GetParam().sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  ASSERT_EQ(sqlite3_close(database), SQLITE_OK);
  expect_refused(directory, "world.db", GetParam().code);
}

constexpr absl::StatusCode kSchema = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kDamaged = absl::StatusCode::kDataLoss;

INSTANTIATE_TEST_SUITE_P(
    Refusal, AlteredDatabase,
    ::testing::Values(
        Alteration{"Table", "CREATE TABLE other(x)", kSchema},
        Alteration{"Trigger", "CREATE TRIGGER t AFTER INSERT ON main BEGIN DELETE FROM main; END", kSchema},
        Alteration{"View", "CREATE VIEW v AS SELECT 1", kSchema},
        Alteration{"Index", "CREATE INDEX i ON main(expires_at)", kSchema},
        Alteration{"Column", "ALTER TABLE main ADD COLUMN extra", kSchema},
        Alteration{"NoMain", "DROP TABLE main", kSchema}, Alteration{"NoMeta", "DROP TABLE dictsqlite_meta", kSchema},
        Alteration{"NoSequence", "DELETE FROM dictsqlite_meta WHERE name='last_sequence'", kDamaged},
        Alteration{"SequenceText", "UPDATE dictsqlite_meta SET value='7' WHERE name='last_sequence'", kDamaged},
        Alteration{"SequenceNegative", "UPDATE dictsqlite_meta SET value=-7 WHERE name='last_sequence'", kDamaged},
        Alteration{"NoEpoch", "DELETE FROM dictsqlite_meta WHERE name='epoch'", kDamaged},
        Alteration{"NoId", "DELETE FROM dictsqlite_meta WHERE name='database_id'", kDamaged},
        Alteration{"OddId", "UPDATE dictsqlite_meta SET value='zz' WHERE name='database_id'", kDamaged},
        Alteration{"NoFormat", "DELETE FROM dictsqlite_meta WHERE name='format_version'", kDamaged},
        Alteration{"NewerFormat", "UPDATE dictsqlite_meta SET value=2 WHERE name='format_version'",
                   absl::StatusCode::kUnimplemented}),
    [](const auto& alteration) { return std::string(alteration.param.name); });

TEST(Refusal, StatisticsAndUnknownMetaRowsAreNoReason) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(database, "ANALYZE;INSERT INTO dictsqlite_meta VALUES('note','hi')", nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(database);
  EXPECT_EQ(all_rows(*open_store(path)).size(), 50U);
}

TEST(Refusal, ADatabaseInAnotherJournalModeIsTakenBackToWal) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  ASSERT_EQ(plain_query(path, "PRAGMA journal_mode=DELETE"), "delete");
  auto store = open_store(path);
  EXPECT_EQ(plain_query(path, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(all_rows(*store).size(), 50U);
  EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Refusal, ALogWithoutItsDatabase) {
  for (const char* suffix : {"-wal", "-journal"}) {
    const TempDirectory directory;
    write_bytes(directory.file(std::string("world.db") + suffix), "something");
    expect_refused(directory, "world.db", absl::StatusCode::kInvalidArgument);
  }
}

TEST(Refusal, PathsThatCanNeverWork) {
  const TempDirectory directory;
  std::filesystem::create_directory(directory.file("dir"));
  write_bytes(directory.file("file"), "x");
  std::filesystem::create_symlink(directory.file("file"), directory.file("link"));
  std::filesystem::create_symlink(directory.file("nowhere"), directory.file("dangling"));
  ASSERT_EQ(::mkfifo(directory.file("fifo").c_str(), 0600), 0);
  expect_refused(directory, "dir", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "link", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "dangling", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "fifo", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, std::string("nul\0inside", 10), absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, ".", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "..", absl::StatusCode::kInvalidArgument);
  expect_refused(directory, std::string(600, 'x'), absl::StatusCode::kInvalidArgument);
  expect_refused(directory, std::string(300, 'x'), absl::StatusCode::kInvalidArgument);
  expect_refused(directory, "missing/world.db", absl::StatusCode::kNotFound);
  expect_refused(directory, "file/world.db", absl::StatusCode::kNotFound);
  for (const char* path : {"", "world.db", "./world.db", ":memory:", "file:world.db", "file:///tmp/world.db"}) {
    EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST(Refusal, ALogThatIsASymlinkOrADirectoryIsNotFollowed) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  write_bytes(directory.file("victim"), "victim");
  std::filesystem::create_symlink(directory.file("victim"), path + "-wal");
  EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(read_bytes(directory.file("victim")), "victim");
  std::filesystem::remove(path + "-wal");
  std::filesystem::create_directory(path + "-wal");
  EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Refusal, AbsurdOptions) {
  const TempDirectory directory;
  for (const std::uint32_t page_bytes : {0U, 1U, 256U, 1000U, 131072U}) {
    SqliteOptions options = options_for(directory.file("world.db"));
    options.page_bytes = page_bytes;
    EXPECT_EQ(SqliteStore::open(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  SqliteOptions options = options_for(directory.file("world.db"));
  options.vfs_name = "no such vfs";
  EXPECT_EQ(SqliteStore::open(options).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(directory.names().empty());
}

int open_code(const std::string& path) {
  return static_cast<int>(SqliteStore::open(options_for(path)).status().code());
}

TEST(Refusal, WhatIsNotPermitted) {
  const TempDirectory directory;
  const std::string path = make_database(directory);
  constexpr int kDenied = static_cast<int>(absl::StatusCode::kPermissionDenied);
  ::chmod(directory.path().c_str(), 0755);

  ::chmod(path.c_str(), 0000);  // not readable
  EXPECT_EQ(as_nobody([&] { return open_code(path); }), kDenied);
  ::chmod(path.c_str(), 0444);  // not writable
  EXPECT_EQ(as_nobody([&] { return open_code(path); }), kDenied);
  ::chmod(path.c_str(), 0666);  // writable, but no log can be made beside it
  ::chmod(directory.path().c_str(), 0555);
  EXPECT_EQ(as_nobody([&] { return open_code(path); }), kDenied);
  EXPECT_EQ(as_nobody([&] { return open_code(directory.file("new.db")); }), kDenied);
  ::chmod(directory.path().c_str(), 0700);
  EXPECT_EQ(directory.names(), (std::vector<std::string>{"world.db"}));
}

}  // namespace
}  // namespace dictsqlite::store::testing
