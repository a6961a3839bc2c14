// Goal: rows written come back, by load, by scan, and after reopening, whatever their bytes.
// Method: one store on a real file, compared with a std::map.

#include "store_test_support.hpp"
#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace dictsqlite::store::testing {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;

TEST(SqliteStore, AppliedRowsComeBackAfterClosingAndReopening) {
  const TempDirectory directory;
  const Rows rows = numbered_rows("key", 1000, 100);
  {
    auto store = open_store(directory.file("world.db"));
    EXPECT_EQ(store->writer().last_sequence(), 0U);
    ASSERT_TRUE(apply_sets(*store, rows, 1000).ok());
    EXPECT_EQ(store->writer().last_sequence(), 1000U);
    ASSERT_TRUE(store->writer().close().ok());
  }
  auto store = open_store(directory.file("world.db"));
  EXPECT_EQ(store->writer().last_sequence(), 1000U);
  EXPECT_EQ(all_rows(*store), rows);
}

TEST(SqliteStore, LaterRowsReplaceEarlierOnesAndErasedRowsAreGone) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}, {"b", "1"}, {"c", "1"}}, 3).ok());
  const RowWrite second[] = {set_row("a", "two"), erase_row("b"), erase_row("never there")};
  ASSERT_TRUE(apply_rows(*store, second, 6).ok());
  EXPECT_EQ(all_rows(*store), (Rows{{"a", "two"}, {"c", "1"}}));
}

TEST(SqliteStore, KeysAndValuesMayBeAnyBytes) {
  const TempDirectory directory;
  Rows rows;
  for (int byte = 0; byte < 256; ++byte) rows[std::string(1, static_cast<char>(byte))] = "single";
  rows[std::string("\0", 1)] = std::string("\0\0", 2);
  rows[std::string("a\0b", 3)] = "nul inside";
  rows["a"] = "prefix of it";
  rows["\xff\xfe\xc0\x80"] = "\xc3\x28";
  rows["empty value"] = "";
  rows["it's"] = "quoted";
  rows[std::string(5000, 'k')] = std::string(300'000, '\0');
  {
    auto store = open_store(directory.file("world.db"));
    ASSERT_TRUE(apply_sets(*store, rows, rows.size()).ok());
    EXPECT_EQ(all_rows(*store), rows);
    for (const auto& [key, value] : rows) EXPECT_EQ(load_one(*store, key), value);
    ASSERT_TRUE(store->writer().close().ok());
  }
  auto store = open_store(directory.file("world.db"));
  EXPECT_EQ(all_rows(*store), rows);
}

TEST(SqliteStore, ExpiryTravelsWithItsRow) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  const RowWrite rows[] = {set_row("a", "1", 1'700'000'000'000), set_row("b", "2")};
  ASSERT_TRUE(apply_rows(*store, rows, 2).ok());
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  std::map<std::size_t, std::int64_t> expiries;
  const std::string_view keys[] = {"a", "b"};
  ASSERT_TRUE(
      (*reader)->load(kMainTable, keys, [&](const LoadedRow& row) { expiries[row.key_index] = row.expires_at; }).ok());
  EXPECT_EQ(expiries, (std::map<std::size_t, std::int64_t>{{0, 1'700'000'000'000}, {1, kNoExpiry}}));
}

TEST(SqliteStore, TheFileReadsWellInOtherPrograms) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_TRUE(apply_sets(*store, {{"player:1", "sword"}}, 7).ok());
  EXPECT_EQ(plain_query(path, "SELECT key||'='||CAST(value AS TEXT) FROM main"), "player:1=sword");
  EXPECT_EQ(plain_query(path, "SELECT typeof(key)||','||typeof(value) FROM main"), "text,blob");
  EXPECT_EQ(plain_query(path, "SELECT value FROM dictsqlite_meta WHERE name='last_sequence'"), "7");
  EXPECT_EQ(plain_query(path, "SELECT value FROM dictsqlite_meta WHERE name='format_version'"), "1");
  EXPECT_EQ(plain_query(path, "SELECT length(value) FROM dictsqlite_meta WHERE name='database_id'"), "32");
  EXPECT_EQ(plain_query(path, "SELECT id||','||name||','||cleared_sequence FROM dictsqlite_tables"), "1,main,0");
  EXPECT_EQ(plain_query(path, "PRAGMA application_id"), std::to_string(0x4453514c));
  EXPECT_EQ(plain_query(path, "PRAGMA user_version"), "1");
  EXPECT_EQ(plain_query(path, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(plain_query(path, "PRAGMA encoding"), "UTF-8");
  EXPECT_EQ(plain_query(path, "PRAGMA integrity_check"), "ok");
}

TEST(SqliteStore, EveryLifeRaisesTheEpochAndKeepsTheDatabaseId) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  std::string id;
  for (int life = 1; life <= 3; ++life) {
    auto store = open_store(path);
    EXPECT_EQ(store->writer().life().epoch, static_cast<std::uint64_t>(life - 1));
    ASSERT_EQ(store->writer().begin_life(0), absl::OkStatus());
    EXPECT_EQ(store->writer().life().epoch, static_cast<std::uint64_t>(life));
    EXPECT_EQ(plain_query(path, "SELECT value FROM dictsqlite_meta WHERE name='epoch'"), std::to_string(life));
    const std::string now = plain_query(path, "SELECT value FROM dictsqlite_meta WHERE name='database_id'");
    EXPECT_TRUE(life == 1 || now == id);
    id = now;
    ASSERT_TRUE(store->writer().close().ok());
  }
}

// A log that is needed is known to the next life, until this one has ended well.
TEST(SqliteStore, ALifeWithALogIsKnownUntilItEndsWell) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  std::uint64_t log_id = 0;
  {
    auto store = open_store(path);
    EXPECT_EQ(store->writer().life().log_id, 0U);
    log_id = store->writer().draw_log_id();
    EXPECT_NE(log_id, 0U);
    EXPECT_NE(log_id, store->writer().draw_log_id());
    ASSERT_EQ(store->writer().begin_life(log_id), absl::OkStatus());
  }  // as a crash
  {
    auto store = open_store(path);
    EXPECT_EQ(store->writer().life().log_id, log_id);
    EXPECT_EQ(store->writer().life().epoch, 1U);
    ASSERT_EQ(store->writer().begin_life(log_id + 1), absl::OkStatus());
    EXPECT_EQ(store->writer().life().log_id, log_id + 1);
    ASSERT_EQ(store->writer().close(), absl::OkStatus());
  }
  EXPECT_EQ(open_store(path)->writer().life().log_id, 0U);
}

TEST(SqliteStore, ALifeThatCannotBeMadeDurableDoesNotBegin) {
  for (const FaultCall call : {FaultCall::kWrite, FaultCall::kSync}) {
    const TempDirectory directory;
    FaultVfs vfs;
    SqliteOptions options = options_for(directory.file("world.db"));
    options.vfs_name = vfs.name();
    {
      auto store = open_store(options);
      vfs.inject({.file = FaultFile::kLog, .call = call, .error = EIO, .times = 1});
      EXPECT_EQ(store->writer().begin_life(7).code(), absl::StatusCode::kInternal);
      EXPECT_EQ(apply_sets(*store, {{"key", "value"}}, 1).code(), absl::StatusCode::kInternal);
      EXPECT_EQ(store->writer().begin_life(7).code(), absl::StatusCode::kInternal);
    }
    vfs.clear();
    ASSERT_EQ(open_store(options)->writer().close(), absl::OkStatus());
  }
}

// An OK would let the log be removed.
TEST(SqliteStore, AnEndThatCannotBeWrittenDownIsNone) {
  const TempDirectory directory;
  FaultVfs vfs;
  SqliteOptions options = options_for(directory.file("world.db"));
  options.vfs_name = vfs.name();
  for (const auto& [error, code] :
       {std::pair(ENOSPC, absl::StatusCode::kUnavailable), std::pair(EIO, absl::StatusCode::kInternal)}) {
    {
      auto store = open_store(options);
      ASSERT_EQ(store->writer().begin_life(7), absl::OkStatus());
      ASSERT_EQ(apply_sets(*store, {{"key", "value"}}, 1), absl::OkStatus());
      vfs.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = error});
      EXPECT_EQ(store->writer().close().code(), code);
    }
    vfs.clear();
    auto store = open_store(options);
    EXPECT_EQ(store->writer().life().log_id, 7U);
    ASSERT_EQ(store->writer().close(), absl::OkStatus());
  }
}

TEST(SqliteStore, TwoDatabasesHaveDifferentIds) {
  const TempDirectory directory;
  auto first = open_store(directory.file("a.db"));
  auto second = open_store(directory.file("b.db"));
  const char* sql = "SELECT value FROM dictsqlite_meta WHERE name='database_id'";
  EXPECT_NE(plain_query(directory.file("a.db"), sql), plain_query(directory.file("b.db"), sql));
}

TEST(SqliteStore, ANewFileHasThePageSizeAskedForAndKeepsIt) {
  for (const std::uint32_t page_bytes : {512U, 4096U, 16384U, 65536U}) {
    const TempDirectory directory;
    SqliteOptions options = options_for(directory.file("world.db"));
    options.page_bytes = page_bytes;
    {
      auto store = open_store(options);
      ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 100).ok());
      ASSERT_TRUE(store->writer().close().ok());
    }
    options.page_bytes = 4096;
    auto store = open_store(options);
    EXPECT_EQ(plain_query(options.path, "PRAGMA page_size"), std::to_string(page_bytes));
    EXPECT_EQ(all_rows(*store), numbered_rows("k", 100, 100));
  }
}

TEST(SqliteStore, FilesAreForTheirOwnerOnly) {
  const TempDirectory directory;
  const mode_t old_mask = ::umask(0);
  auto store = open_store(directory.file("world.db"));
  ::umask(old_mask);
  EXPECT_EQ(mode_of(directory.file("world.db")), 0600U);
  EXPECT_EQ(mode_of(directory.file("world.db-wal")), 0600U);
  EXPECT_EQ(mode_of(directory.file("world.db-shm")), 0600U);
}

TEST(SqliteStore, NoDescriptorSurvivesAnExec) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::filesystem::path target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || !target.string().starts_with(directory.path())) continue;
    ++seen;
    const int flags = ::fcntl(std::stoi(entry.path().filename().string()), F_GETFD);
    EXPECT_NE(flags & FD_CLOEXEC, 0) << target;
  }
  EXPECT_GE(seen, 4U);  // database, log, index, and the log once more for its syncs
}

TEST(SqliteStore, ClosingLeavesOnlyTheDatabaseFile) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 100).ok());
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(directory.names(), (std::vector<std::string>{"world.db"}));
}

TEST(SqliteStore, APathThatLooksLikeAUriIsAFileName) {
  const TempDirectory directory;
  const std::string name = "file:x.db?mode=memory&cache=shared%41";
  auto store = open_store(directory.file(name));
  ASSERT_TRUE(apply_sets(*store, {{"a", "b"}}, 1).ok());
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(directory.names(), (std::vector<std::string>{name}));
}

TEST(SqliteStore, TheDirectoryMayBeReachedThroughASymlink) {
  const TempDirectory directory;
  std::filesystem::create_directory(directory.file("real"));
  std::filesystem::create_directory_symlink(directory.file("real"), directory.file("link"));
  auto store = open_store(directory.file("link/world.db"));
  EXPECT_EQ(mode_of(directory.file("real/world.db")), 0600U);
  const auto second = SqliteStore::open(options_for(directory.file("real/world.db")));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace dictsqlite::store::testing
