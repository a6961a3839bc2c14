// Goal: after any unclean end the next open finds what was committed, needs no manual step, and makes it durable.
// Method: stores that are destroyed or whose process is killed; calls of the VFS below are counted.

#include "foreign_process.hpp"
#include "store_test_support.hpp"

#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

namespace dictsqlite::store::testing {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;

TEST(Recovery, AStoreDestroyedWithoutCloseKeepsItsCommits) {
  const TempDirectory directory;
  Rows expected;
  for (int life = 0; life < 5; ++life) {
    auto store = open_store(directory.file("world.db"));
    ASSERT_EQ(all_rows(*store), expected);
    const Rows more = numbered_rows("life" + std::to_string(life), 200, 100);
    ASSERT_TRUE(apply_sets(*store, more, static_cast<std::uint64_t>(life + 1)).ok());
    expected.insert(more.begin(), more.end());
    store.reset();
    EXPECT_NE(mode_of(directory.file("world.db-wal")), 0U) << "left as a crash would";
  }
  auto store = open_store(directory.file("world.db"));
  EXPECT_EQ(store->writer().last_sequence(), 5U);
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(directory.names(), (std::vector<std::string>{"world.db"}));
}

TEST(Recovery, AKilledOwnerLeavesTheDatabaseFreeAndWhole) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  for (int round = 0; round < 10; ++round) {
    ForeignProcess owner;
    ASSERT_EQ(owner.own(path), "ok");
    for (int i = 0; i < 5; ++i) ASSERT_EQ(owner.put("key" + std::to_string(round) + "." + std::to_string(i)), "ok");
    EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kUnavailable);
    owner.kill();
    auto store = open_store(path);
    EXPECT_EQ(store->writer().last_sequence(), static_cast<std::uint64_t>(5 * (round + 1)));
    EXPECT_EQ(all_rows(*store).size(), static_cast<std::size_t>(5 * (round + 1)));
    if (round % 2 == 0) {
      ASSERT_TRUE(store->writer().close().ok());
    }
  }
  EXPECT_EQ(plain_query(path, "PRAGMA integrity_check"), "ok");
}

TEST(Recovery, AnUncleanLogIsRewrittenAndSyncedBeforeItsFirstUse) {
  const TempDirectory directory;
  FaultVfs vfs;
  SqliteOptions options = options_for(directory.file("world.db"));
  options.vfs_name = vfs.name();
  {
    auto store = open_store(options);
    ASSERT_TRUE(apply_sets(*store, numbered_rows("a", 10'000, 200), 1).ok());
  }
  const auto log_bytes = std::filesystem::file_size(options.path + "-wal");
  ASSERT_GT(log_bytes, std::uintmax_t{2} << 20);
  const int writes = vfs.calls(FaultFile::kLog, FaultCall::kWrite);
  // The repair fails at its sync: not one write of another kind has happened by then.
  vfs.inject({FaultFile::kLog, FaultCall::kSync, EIO});
  EXPECT_EQ(SqliteStore::open(options).status().code(), absl::StatusCode::kInternal);
  const auto chunks = static_cast<int>((log_bytes + 65'535) / 65'536);
  EXPECT_EQ(vfs.calls(FaultFile::kLog, FaultCall::kWrite) - writes, chunks);
  vfs.clear();
  EXPECT_EQ(all_rows(*open_store(options)).size(), 10'000U);
}

TEST(Recovery, ACleanDatabaseIsNotRepaired) {
  const TempDirectory directory;
  FaultVfs vfs;
  SqliteOptions options = options_for(directory.file("world.db"));
  ASSERT_TRUE(open_store(options)->writer().close().ok());
  options.vfs_name = vfs.name();
  const auto store = open_store(options);
  EXPECT_EQ(vfs.calls(FaultFile::kDatabase, FaultCall::kWrite), 0);
  EXPECT_EQ(vfs.calls(FaultFile::kLog, FaultCall::kSync), 1);
  ASSERT_EQ(store->writer().begin_life(0), absl::OkStatus());
  EXPECT_EQ(vfs.calls(FaultFile::kLog, FaultCall::kSync), 3);  // the new log's header, and the epoch
}

TEST(Recovery, ATornTailOfTheLogIsCutOff) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  std::uintmax_t first_bytes = 0;
  {
    auto store = open_store(path);
    ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
    first_bytes = std::filesystem::file_size(path + "-wal");
    ASSERT_TRUE(apply_sets(*store, numbered_rows("b", 100, 100), 2).ok());
  }
  const auto all_bytes = std::filesystem::file_size(path + "-wal");
  ASSERT_GT(all_bytes, first_bytes + 600);
  std::filesystem::resize_file(path + "-wal", all_bytes - 600);
  auto store = open_store(path);
  EXPECT_EQ(store->writer().last_sequence(), 1U);
  EXPECT_EQ(all_rows(*store), (Rows{{"a", "1"}}));
}

TEST(Recovery, RubbishInPlaceOfTheLogLeavesTheDatabaseAsItWas) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  {
    auto store = open_store(path);
    ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
    ASSERT_TRUE(store->writer().close().ok());
  }
  for (const std::size_t bytes : {1U, 31U, 32U, 5000U, 100'000U}) {
    write_bytes(path + "-wal", std::string(bytes, '\x37'));
    auto store = open_store(path);
    EXPECT_EQ(all_rows(*store), (Rows{{"a", "1"}}));
  }
}

// A foreign reader keeps the WAL index alive. It says how far the log was copied into a database file whose sync may
// have failed, and which frames the log holds, though a failed sync may have lost them: so it must not be believed.
TEST(Recovery, TheIndexKeptAliveByAForeignReaderIsRebuilt) {
  ForeignProcess reader;
  ForeignProcess owner;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  std::uintmax_t first_bytes = 0;
  ASSERT_EQ(owner.own(path), "ok");
  ASSERT_EQ(owner.put("first"), "ok");
  first_bytes = std::filesystem::file_size(path + "-wal");
  ASSERT_EQ(owner.put("second"), "ok");
  ASSERT_EQ(reader.open(path), "ok");
  ASSERT_EQ(reader.query("SELECT count(*) FROM main"), "2");
  owner.kill();
  // What a failed sync does: the second commit's frames are not what the index says.
  std::string log = read_bytes(path + "-wal");
  for (std::size_t i = first_bytes; i < log.size(); ++i) log[i] = '\0';
  {
    std::FILE* file = std::fopen((path + "-wal").c_str(), "r+b");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fwrite(log.data(), 1, log.size(), file), log.size());
    std::fclose(file);
  }
  auto store = open_store(path);
  EXPECT_EQ(store->writer().last_sequence(), 1U);
  EXPECT_EQ(all_rows(*store), (Rows{{"first", "value of first"}}));
  EXPECT_EQ(reader.query("SELECT count(*) FROM main"), "1");
  ASSERT_TRUE(apply_sets(*store, {{"third", "3"}}, 2).ok());
  EXPECT_EQ(reader.query("SELECT count(*) FROM main"), "2");
  ASSERT_TRUE(store->writer().close().ok());
  store.reset();
  EXPECT_EQ(plain_query(path, "PRAGMA integrity_check"), "ok");
}

TEST(Recovery, AForeignReaderInMidTransactionKeepsItsSnapshotAcrossARecovery) {
  ForeignProcess reader;
  ForeignProcess owner;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  ASSERT_EQ(owner.own(path), "ok");
  ASSERT_EQ(owner.put("first"), "ok");
  ASSERT_EQ(reader.open(path), "ok");
  ASSERT_EQ(reader.query("BEGIN"), "");
  ASSERT_EQ(reader.query("SELECT count(*) FROM main"), "1");
  ASSERT_EQ(owner.put("second"), "ok");
  owner.kill();
  auto store = open_store(path);
  EXPECT_EQ(all_rows(*store).size(), 2U);
  ASSERT_TRUE(apply_sets(*store, numbered_rows("more", 1000, 100), 3).ok());
  EXPECT_EQ(reader.query("SELECT count(*), max(key) FROM main"), "1|first");
  ASSERT_EQ(reader.query("COMMIT"), "");
  EXPECT_EQ(reader.query("SELECT count(*) FROM main"), "1002");
}

}  // namespace
}  // namespace dictsqlite::store::testing
