// Goal: a file is filled with exactly our schema; what differs is refused with the name of what differs, and meta rows
// that are missing or of the wrong type are damage. Method: a file that a plain connection alters.
#include "store/sqlite_schema.hpp"

#include "unit/store/store_test_support.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::store {
namespace {

using testing::plain_query;
using testing::TempDirectory;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";

class SqliteSchema : public ::testing::Test {
 protected:
  SqliteSchema() {
    testing::write_bytes(path_, "");
    Connection connection = open();
    EXPECT_EQ(create_schema(connection, 4096, kId), absl::OkStatus());
  }

  Connection open() {
    ConnectionOptions options;
    options.access = Access::kReadWrite;
    absl::StatusOr<Connection> connection = Connection::open(path_, options);
    EXPECT_EQ(connection.status(), absl::OkStatus());
    return *std::move(connection);
  }
  // Another program changes the file.
  void alter(const std::string& sql) { ASSERT_EQ(open().execute(sql), absl::OkStatus()) << sql; }
  absl::Status check() {
    Connection connection = open();
    return check_schema(connection);
  }
  absl::StatusOr<Meta> meta() {
    Connection connection = open();
    return read_meta(connection);
  }
  void expect_not_ours(const std::string& what) {
    EXPECT_EQ(check(), absl::InvalidArgumentError("'" + path_ + "' has a schema that is not ours" + what));
  }
  void expect_damaged(const std::string& what) {
    EXPECT_EQ(meta().status(), absl::DataLossError("'" + path_ + "': " + what));
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("test.db");
};

TEST_F(SqliteSchema, IsWhatItMakes) {
  EXPECT_EQ(check(), absl::OkStatus());
  EXPECT_EQ(plain_query(path_, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(plain_query(path_, "PRAGMA encoding"), "UTF-8");
  EXPECT_EQ(plain_query(path_, "PRAGMA auto_vacuum"), "0");
  EXPECT_EQ(plain_query(path_, "SELECT name FROM dictsqlite_tables WHERE id=1"), "main");
}

TEST_F(SqliteSchema, BeginsWithAnIdAndNoWrites) {
  const absl::StatusOr<Meta> made = meta();
  ASSERT_EQ(made.status(), absl::OkStatus());
  EXPECT_EQ(made->database_id, kId);
  EXPECT_EQ(made->epoch, 0u);
  EXPECT_EQ(made->last_sequence, 0u);
}

TEST_F(SqliteSchema, CountsItsLives) {
  for (std::uint64_t life = 1; life <= 3; ++life) {
    Connection connection = open();
    ASSERT_EQ(raise_epoch(connection, 77), absl::OkStatus());
    EXPECT_EQ(read_meta(connection)->epoch, life);
  }
}

TEST_F(SqliteSchema, WithSomethingMoreIsNotOurs) {
  alter("CREATE TABLE other(x)");
  expect_not_ours(", at 'other'");
}

TEST_F(SqliteSchema, WithSomethingBehindOursIsNotOurs) {
  alter("CREATE TABLE zoo(x)");
  expect_not_ours(", at 'zoo'");
}

TEST_F(SqliteSchema, WithoutATableIsNotOurs) {
  alter("DROP TABLE main");
  expect_not_ours(", at 'sqlite_autoindex_dictsqlite_tables_1'");
}

TEST_F(SqliteSchema, ThatEndsTooSoonIsNotOurs) {
  alter("DROP TABLE main; DROP TABLE dictsqlite_tables");
  expect_not_ours(": no 'dictsqlite_tables'");
}

TEST_F(SqliteSchema, WithAnotherTextIsNotOurs) {
  alter("ALTER TABLE main ADD COLUMN extra");
  expect_not_ours(", at 'main'");
}

TEST_F(SqliteSchema, MayHaveStatistics) {
  alter("INSERT INTO main(key, value) VALUES('k', x'00'); ANALYZE");
  EXPECT_EQ(plain_query(path_, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'"), "1");
  EXPECT_EQ(check(), absl::OkStatus());
}

TEST_F(SqliteSchema, MayHaveMetaRowsThatWeDoNotKnow) {
  alter("INSERT INTO dictsqlite_meta VALUES('journal', 'expected')");
  EXPECT_EQ(meta().status(), absl::OkStatus());
}

TEST_F(SqliteSchema, OfANewerFormatIsNotReadable) {
  alter("UPDATE dictsqlite_meta SET value=99 WHERE name='format_version'");
  EXPECT_EQ(meta().status(), absl::UnimplementedError("'" + path_ + "' has format 99, newer than this library"));
}

TEST_F(SqliteSchema, WithoutAMetaRowIsDamaged) {
  for (const auto& [name, what] :
       {std::pair("format_version", "no format version"), std::pair("epoch", "no epoch"),
        std::pair("last_sequence", "no last sequence"), std::pair("database_id", "no database id")}) {
    const std::string kept =
        plain_query(path_, std::string("SELECT quote(value) FROM dictsqlite_meta WHERE name='") + name + "'");
    alter(std::string("DELETE FROM dictsqlite_meta WHERE name='") + name + "'");
    expect_damaged(what);
    alter(std::string("INSERT INTO dictsqlite_meta VALUES('") + name + "'," + kept + ")");
  }
  EXPECT_EQ(meta().status(), absl::OkStatus());
}

TEST_F(SqliteSchema, WithAMetaRowOfTheWrongTypeOrRangeIsDamaged) {
  alter("UPDATE dictsqlite_meta SET value='7' WHERE name='last_sequence'");
  expect_damaged("no last sequence");
  alter("UPDATE dictsqlite_meta SET value=-7 WHERE name='last_sequence'");
  expect_damaged("no last sequence");
  alter("UPDATE dictsqlite_meta SET value=(1<<61)+1 WHERE name='last_sequence'");
  expect_damaged("the last sequence is out of range");
  alter("UPDATE dictsqlite_meta SET value=9223372036854775807 WHERE name='last_sequence'");
  expect_damaged("the last sequence is out of range");
  alter("UPDATE dictsqlite_meta SET value=1<<61 WHERE name='last_sequence'");
  EXPECT_EQ(meta()->last_sequence, kLastSequenceMax);
  alter("UPDATE dictsqlite_meta SET value='0123' WHERE name='database_id'");
  expect_damaged("no database id");
  alter("UPDATE dictsqlite_meta SET value=upper('" + std::string(kId) + "') WHERE name='database_id'");
  expect_damaged("no database id");
}

TEST_F(SqliteSchema, TellsWhereTableMainLies) {
  Connection connection = open();
  const absl::StatusOr<IndexedTable> found = find_main(connection);
  ASSERT_EQ(found.status(), absl::OkStatus());
  const std::string root = "SELECT rootpage FROM sqlite_schema WHERE name=";
  EXPECT_EQ(std::to_string(found->table_root), plain_query(path_, root + "'main'"));
  EXPECT_EQ(std::to_string(found->index_root), plain_query(path_, root + "'sqlite_autoindex_main_1'"));
}

TEST_F(SqliteSchema, MissesATableMainThatIsNotThere) {
  alter("DROP TABLE main");
  Connection connection = open();
  EXPECT_EQ(find_main(connection).status(), absl::DataLossError("'" + path_ + "': no table main"));
  testing::write_bytes(path_, std::string(8192, 'x'));
  Connection garbage = open();
  EXPECT_EQ(find_main(garbage).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace dictsqlite::store
