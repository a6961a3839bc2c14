// Goal: while a database is open, with and without a log, the sqlite3 program reads committed snapshots, copies the
// file,
//       and can neither write nor checkpoint; nothing that it tries or its death leaves behind hinders the owner (P13).
// Method: the program itself on a whole open database; the store's own tests use a connection of the library's SQLite.
#include "support/open_database.hpp"
#include "support/sqlite_program.hpp"
#include "support/temporary_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::SqliteProgram;

constexpr WriteOptions kDurably{Ack::kDurable};
constexpr const char* kCount = "select count(*), coalesce(max(cast(value as text)), '-') from main;";

class ForeignProgram : public testing::TestWithParam<Journal> {
 protected:
  ForeignProgram() {
    options_.path = directory_.file("world.db");
    options_.journal = GetParam();
    options_.event_hook = events_.hook();
    // SQLite gets writes when a flush wants it, so that the test knows what is committed.
    options_.flush_interval = std::chrono::hours(1);
  }

  const testing_support::TemporaryDirectory directory_;
  testing_support::EventLog events_;
  Options options_;
};

INSTANTIATE_TEST_SUITE_P(All, ForeignProgram, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "WithLog" : "WithoutLog"; });

TEST_P(ForeignProgram, ReadsWhatIsCommittedWhole) {
  Database database = open_database(options_);
  SqliteProgram program(options_.path);
  EXPECT_EQ(program.ask(kCount), "0|-");
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(program.ask(kCount), "1|1");
  EXPECT_EQ(program.ask("pragma integrity_check;"), "ok");
}

TEST_P(ForeignProgram, DoesNotSeeWhatIsOnlyInTheLog) {
  Database database = open_database(options_);
  SqliteProgram program(options_.path);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  EXPECT_EQ(program.ask(kCount), GetParam() == Journal::kOn ? "0|-" : "1|1");
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(program.ask(kCount), "1|1");
}

TEST_P(ForeignProgram, KeepsItsSnapshotWhileTheOwnerWrites) {
  Database database = open_database(options_);
  SqliteProgram program(options_.path);
  WriteBatch first;
  first.set("a", "1");
  first.set("b", "1");
  ASSERT_EQ(database.write(first, kDurably), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  ASSERT_EQ(program.ask("begin;"), "");
  ASSERT_EQ(program.ask(kCount), "2|1");
  for (const char* const value : {"2", "3"}) {
    WriteBatch batch;
    for (const char* const key : {"a", "b", value}) batch.set(key, value);
    ASSERT_EQ(database.write(batch, kDurably), absl::OkStatus());
    ASSERT_EQ(database.flush(), absl::OkStatus());
    EXPECT_EQ(program.ask(kCount), "2|1");
  }
  ASSERT_EQ(program.ask("commit;"), "");
  EXPECT_EQ(program.ask(kCount), "4|3");
  EXPECT_EQ(program.ask("select count(*) from main where cast(value as text) = '3';"), "3");
}

TEST_P(ForeignProgram, CanNeitherWriteNorCheckpoint) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  for (const char* const statement :
       {"insert into main(key, value) values('x', x'00');", "update main set value = x'00';", "delete from main;",
        "create table mine(x);", "drop table main;", "begin immediate;", "begin exclusive;", "vacuum;", "reindex;",
        "pragma user_version = 7;", "pragma journal_mode = delete;"}) {
    SqliteProgram program(options_.path);
    EXPECT_NE(program.ask(statement).find("database is locked"), std::string::npos) << statement;
    EXPECT_EQ(program.ask(kCount), "1|1") << statement;
  }
  for (const char* const mode : {"passive", "full", "restart", "truncate"}) {
    SqliteProgram program(options_.path);
    EXPECT_EQ(program.ask("pragma wal_checkpoint(" + std::string(mode) + ");"), "1|-1|-1");
  }
  ASSERT_EQ(database.set("b", "2", kDurably), absl::OkStatus());
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_EQ(events_.count(EventKind::kFailed), 0u) << events_.all();
  SqliteProgram program(options_.path);
  EXPECT_EQ(program.ask(kCount), "2|2");
}

TEST_P(ForeignProgram, MayWriteWhenTheDatabaseIsClosedAndTheNextLifeSeesIt) {
  Database database = open_database(options_);
  SqliteProgram program(options_.path);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  EXPECT_NE(program.ask("begin immediate;").find("database is locked"), std::string::npos);
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_EQ(program.ask("insert into main(key, value) values('x', cast('by hand' as blob));"), "");
  database = open_database(options_);
  const absl::StatusOr<Value> value = database.get("x");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->view(), "by hand");
  EXPECT_NE(program.ask("begin immediate;").find("database is locked"), std::string::npos);
}

TEST_P(ForeignProgram, CopiesTheOpenDatabase) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  ASSERT_EQ(database.set("b", "2"), absl::OkStatus());  // accepted only: in no copy
  SqliteProgram program(options_.path);
  EXPECT_EQ(program.ask(".backup '" + directory_.file("backup.db") + "'"), "");
  EXPECT_EQ(program.ask("vacuum into '" + directory_.file("vacuumed.db") + "';"), "");
  for (const char* const name : {"backup.db", "vacuumed.db"}) {
    Options options = options_;
    options.path = directory_.file(name);
    if (GetParam() == Journal::kOn) {
      EXPECT_EQ(Database::open(options).status().code(), absl::StatusCode::kDataLoss) << name;
      options.log_loss = LogLoss::kAccept;
    }
    Database copy = open_database(options);
    EXPECT_EQ(copy.get("a").value().view(), "1") << name;
    EXPECT_EQ(copy.contains("b").value(), false) << name;
    EXPECT_EQ(copy.close(), absl::OkStatus()) << name;
  }
  EXPECT_EQ(database.close(), absl::OkStatus());
}

TEST_P(ForeignProgram, LetsTheLogGoWhenItDiesInATransaction) {
  options_.wal_bytes = std::size_t{64} << 10;
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  SqliteProgram program(options_.path);
  ASSERT_EQ(program.ask("begin;"), "");
  ASSERT_EQ(program.ask(kCount), "1|1");
  const auto write_much = [&] {
    for (int i = 0; i < 20; ++i) {
      ASSERT_EQ(database.set("large", std::string(std::size_t{32} << 10, static_cast<char>('a' + i))),
                absl::OkStatus());
      ASSERT_EQ(database.flush(), absl::OkStatus());
    }
  };
  write_much();
  events_.wait_for(EventKind::kCheckpointBlocked);
  const std::uintmax_t pinned = std::filesystem::file_size(options_.path + "-wal");
  EXPECT_GT(pinned, std::size_t{10} * (std::size_t{32} << 10));
  EXPECT_EQ(program.ask(kCount), "1|1");
  program.kill();
  write_much();
  // Each transaction is less than 64 KiB, and so is what may be left behind it.
  EXPECT_LE(database.stats().wal_bytes, std::size_t{160} << 10);
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_FALSE(std::filesystem::exists(options_.path + "-wal"));
}

}  // namespace
}  // namespace dictsqlite
