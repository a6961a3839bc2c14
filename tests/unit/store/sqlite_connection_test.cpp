// Goal: every connection is hardened before it looks at a file, does nothing by itself, and turns what goes wrong into
// a status that names the file. Method: every switch, limit and pragma read back from SQLite; each error by hand.
#include "store/sqlite_connection.hpp"

#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace dictsqlite::store::testing {
namespace {

using Code = absl::StatusCode;

ConnectionOptions to(Access access) {
  ConnectionOptions options;
  options.access = access;
  return options;
}

class SqliteConnection : public ::testing::Test {
 protected:
  SqliteConnection() {
    write_bytes(path_, "");
    EXPECT_EQ(plain_query(path_, "create table t(k, v)"), "");
  }

  [[nodiscard]] Connection open(const ConnectionOptions& options) const {
    absl::StatusOr<Connection> connection = Connection::open(path_, options);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *std::move(connection) : Connection();
  }
  [[nodiscard]] static Statement prepare(Connection& connection, std::string_view sql) {
    absl::StatusOr<Statement> statement = connection.prepare(sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    return statement.ok() ? *std::move(statement) : Statement();
  }
  [[nodiscard]] bool named_in(const absl::Status& status) const {
    return std::string(status.message()).find("'" + path_ + "'") != std::string::npos;
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("world.db");
};

// --- hardening ---

TEST_F(SqliteConnection, HasEverySwitchThatHardensIt) {
  struct Expected {
    int which;
    int value;
  };
  constexpr Expected kExpected[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
      {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
  };
  for (const Access access : {Access::kReadOnly, Access::kReadWrite}) {
    const Connection connection = open(to(access));
    for (const Expected& expected : kExpected) {
      int value = -1;
      ASSERT_EQ(sqlite3_db_config(connection.handle(), expected.which, -1, &value), SQLITE_OK);
      EXPECT_EQ(value, expected.value) << "switch " << expected.which;
    }
  }
}

TEST_F(SqliteConnection, HasEveryLimit) {
  struct Expected {
    int which;
    int value;
  };
  constexpr Expected kExpected[] = {
      {SQLITE_LIMIT_SQL_LENGTH, 4096},    {SQLITE_LIMIT_COLUMN, 16},        {SQLITE_LIMIT_EXPR_DEPTH, 32},
      {SQLITE_LIMIT_COMPOUND_SELECT, 2},  {SQLITE_LIMIT_VDBE_OP, 4096},     {SQLITE_LIMIT_FUNCTION_ARG, 8},
      {SQLITE_LIMIT_ATTACHED, 0},         {SQLITE_LIMIT_TRIGGER_DEPTH, 1},  {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
      {SQLITE_LIMIT_VARIABLE_NUMBER, 64}, {SQLITE_LIMIT_WORKER_THREADS, 0},
  };
  const Connection connection = open(to(Access::kReadWrite));
  for (const Expected& expected : kExpected) {
    EXPECT_EQ(sqlite3_limit(connection.handle(), expected.which, -1), expected.value) << "limit " << expected.which;
  }
}

TEST_F(SqliteConnection, BoundsARowJustAboveWhatIsAskedFor) {
  const std::pair<std::size_t, int> expected[] = {
      {0, 4096}, {4032, 4096}, {4033, 4097}, {1'000'000, 1'000'064}, {std::size_t{1} << 40, 1'000'000'000}};
  for (const auto& [asked, limit] : expected) {
    ConnectionOptions options;
    options.row_bytes_max = asked;
    const Connection connection = open(options);
    EXPECT_EQ(sqlite3_limit(connection.handle(), SQLITE_LIMIT_LENGTH, -1), limit) << asked;
  }
}

TEST_F(SqliteConnection, RefusesWhatHardeningForbids) {
  Connection connection = open(to(Access::kReadWrite));
  EXPECT_EQ(connection.execute("attach ':memory:' as other").code(), Code::kInternal);
  EXPECT_EQ(connection.execute("select \"text\"").code(), Code::kInternal) << "a quoted identifier is no text";
  EXPECT_EQ(connection.execute("pragma writable_schema=on; delete from sqlite_schema").code(), Code::kInternal);
  EXPECT_EQ(connection.prepare(std::string(5000, ' ')).status().code(), Code::kResourceExhausted);
}

TEST_F(SqliteConnection, NeverCheckpointsByItself) {
  Connection connection = open(to(Access::kReadWrite));
  EXPECT_EQ(*connection.query_text("pragma wal_autocheckpoint"), "0");
}

TEST_F(SqliteConnection, LeavesTheLogWhenItClosesUnlessAllowed) {
  for (const bool allowed : {false, true}) {
    Connection connection = open(to(Access::kReadWrite));
    ASSERT_EQ(*connection.query_text("pragma journal_mode=wal"), "wal");
    ASSERT_EQ(connection.execute("insert into t values(1, 2)"), absl::OkStatus());
    if (allowed) connection.checkpoint_on_close(true);
    connection.close();
    EXPECT_EQ(std::filesystem::exists(path_ + "-wal"), !allowed);
  }
}

TEST_F(SqliteConnection, TakesBackWhatItAllowed) {
  Connection connection = open(to(Access::kReadWrite));
  ASSERT_EQ(*connection.query_text("pragma journal_mode=wal"), "wal");
  ASSERT_EQ(connection.execute("insert into t values(1, 2)"), absl::OkStatus());
  connection.checkpoint_on_close(true);
  connection.checkpoint_on_close(false);
  connection.close();
  EXPECT_TRUE(std::filesystem::exists(path_ + "-wal"));
}

TEST_F(SqliteConnection, IsConfiguredAsAsked) {
  for (const Access access : {Access::kReadOnly, Access::kReadWrite}) {
    ConnectionOptions options = to(access);
    options.cache_bytes = 1u << 20;
    options.map_bytes = 1u << 16;
    Connection connection = open(options);
    ASSERT_EQ(connection.configure(options), absl::OkStatus());
    EXPECT_EQ(*connection.query_text("pragma cache_size"), "-1024");
    EXPECT_EQ(*connection.query_text("pragma mmap_size"), "65536");
    EXPECT_EQ(*connection.query_text("pragma temp_store"), "2");
    EXPECT_EQ(*connection.query_text("pragma query_only"), access == Access::kReadOnly ? "1" : "0");
  }
}

TEST_F(SqliteConnection, HasALeastPageCacheAndNoMappingUnlessAsked) {
  Connection connection = open({});
  ASSERT_EQ(connection.configure({}), absl::OkStatus());
  EXPECT_EQ(*connection.query_text("pragma cache_size"), "-64");
  EXPECT_EQ(*connection.query_text("pragma mmap_size"), "0");
}

// --- errors ---

TEST_F(SqliteConnection, ToReadWritesNothing) {
  Connection connection = open(to(Access::kReadOnly));
  const absl::Status status = connection.execute("insert into t values(1, 2)");
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_TRUE(named_in(status)) << status;
}

TEST_F(SqliteConnection, ToAMissingFileIsNotFoundAndMakesNone) {
  const std::string missing = directory_.file("missing.db");
  for (const Access access : {Access::kReadOnly, Access::kReadWrite}) {
    const absl::Status status = Connection::open(missing, to(access)).status();
    EXPECT_EQ(status.code(), Code::kNotFound) << status;
    EXPECT_NE(std::string(status.message()).find(missing), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(missing));
}

TEST_F(SqliteConnection, FollowsNoSymlink) {
  const std::string link = directory_.file("link.db");
  std::filesystem::create_symlink(path_, link);
  EXPECT_EQ(Connection::open(link, {}).status().code(), Code::kInvalidArgument);
}

TEST_F(SqliteConnection, ThroughAnUnknownVfsIsAnError) {
  ConnectionOptions options;
  options.vfs_name = "no such vfs";
  EXPECT_EQ(Connection::open(path_, options).status().code(), Code::kInternal);
}

// SQLite opens such a file for reading and says Ok.
TEST_F(SqliteConnection, ToWriteAFileThatMayOnlyBeReadIsPermissionDenied) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr unsigned kNobody = 65534;
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(99);
    if (!Connection::open(path_, to(Access::kReadOnly)).ok()) ::_exit(98);
    ::_exit(static_cast<int>(Connection::open(path_, to(Access::kReadWrite)).status().code()));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(Code::kPermissionDenied));
}

TEST_F(SqliteConnection, SaysWhatItAttemptedOnWhichFile) {
  Connection connection = open(to(Access::kReadWrite));
  absl::Status status = connection.prepare("select nonsense from t").status();
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_TRUE(named_in(status)) << status;
  EXPECT_NE(std::string(status.message()).find("preparing \"select nonsense from t\""), std::string::npos) << status;
  status = connection.execute("insert into nowhere values(1)");
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(std::string(status.message()).find("running \"insert into nowhere"), std::string::npos) << status;
  status = connection.query_text("select nonsense").status();
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_TRUE(named_in(status)) << status;
}

TEST_F(SqliteConnection, ToAFileThatIsNoDatabaseOpensAndFailsWithItsFirstStatement) {
  const std::string path = directory_.file("text");
  write_bytes(path, std::string(4096, 'x'));
  absl::StatusOr<Connection> connection = Connection::open(path, {});
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(connection->query_text("select count(*) from sqlite_schema").status().code(), Code::kDataLoss);
}

// --- queries and statements ---

TEST_F(SqliteConnection, AnswersWithTheFirstColumnOfTheFirstRow) {
  Connection connection = open({});
  EXPECT_EQ(*connection.query_text("select 'a', 'b' union select 'c', 'd' order by 1"), "a");
  EXPECT_EQ(*connection.query_text("select null"), "");
  EXPECT_EQ(*connection.query_text("select 1 where 0"), "");
}

TEST_F(SqliteConnection, BindsNothingAsZeroBytesAndNeverAsNull) {
  Connection connection = open({});
  Statement statement = prepare(connection, "select ?1, ?2, ?3");
  ASSERT_EQ(statement.bind_text(1, {}), SQLITE_OK);
  ASSERT_EQ(statement.bind_blob(2, {}), SQLITE_OK);
  ASSERT_EQ(statement.bind_integer(3, -1), SQLITE_OK);
  ASSERT_EQ(statement.step(), SQLITE_ROW);
  EXPECT_EQ(statement.column_type(0), SQLITE_TEXT);
  EXPECT_EQ(statement.column_type(1), SQLITE_BLOB);
  EXPECT_EQ(statement.column_bytes(0), "");
  EXPECT_EQ(statement.column_bytes(1), "");
  EXPECT_EQ(statement.column_integer(2), -1);
  EXPECT_EQ(statement.step(), SQLITE_DONE);
  statement.reset();
  EXPECT_EQ(statement.bind_text(4, "x"), SQLITE_RANGE);
}

TEST_F(SqliteConnection, StatementsKeepEveryByteAndServeAgain) {
  Connection connection = open({});
  Statement statement = prepare(connection, "select ?1, ?2, null");
  for (const std::string& bytes : {std::string("\0a\0", 3), std::string("\xFF\xFE", 2), std::string(1000, 'x')}) {
    ASSERT_EQ(statement.bind_text(1, bytes), SQLITE_OK);
    ASSERT_EQ(statement.bind_blob(2, bytes), SQLITE_OK);
    ASSERT_EQ(statement.step(), SQLITE_ROW);
    EXPECT_EQ(statement.column_bytes(0), bytes);
    EXPECT_EQ(statement.column_bytes(1), bytes);
    EXPECT_EQ(statement.column_bytes(2), "");
    statement.reset();
  }
  EXPECT_TRUE(statement.prepared());
  statement.finalize();
  EXPECT_FALSE(statement.prepared());
}

using SqliteConnectionDeathTest = SqliteConnection;

TEST_F(SqliteConnectionDeathTest, ThatEndsBeforeAStatementOfItsAborts) {
  std::optional<Connection> connection = open({});
  const Statement statement = prepare(*connection, "select 1");
  EXPECT_DEATH(connection.reset(), "a statement outlived its connection");
}

TEST_F(SqliteConnectionDeathTest, ToARelativePathAborts) {
  EXPECT_DEATH(static_cast<void>(Connection::open("world.db", {})), "paths are made absolute");
}

}  // namespace
}  // namespace dictsqlite::store::testing
