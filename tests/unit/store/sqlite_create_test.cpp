// Goal: a new database appears whole, private and in one step, or not at all: nothing else is left in its directory.
// Method: the kernel's files, whose calls fail, or in the midst of which something happens, when told to.
#include "store/sqlite_create.hpp"

#include "support/passing_files.hpp"

#include "support/fault_vfs.hpp"
#include "unit/store/store_test_support.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::store {
namespace {

using testing::plain_query;
using testing::TempDirectory;
using testing::write_bytes;
using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;

constexpr std::uint32_t kPageBytes = 8192;

// The kernel's files, of which the two calls that create and name the file may fail.
class UnsureFiles final : public testing_support::PassingFiles {
 public:
  absl::Status create_says;
  absl::Status publish_says;
  std::function<void()> before_publish = [] {};
  std::string draft;  // the last one's

  absl::Status create_private(const std::string& path) override {
    draft = path;
    return create_says.ok() ? PassingFiles::create_private(path) : create_says;
  }
  absl::StatusOr<io::Publication> publish(const std::string& from, const std::string& to) override {
    before_publish();
    if (!publish_says.ok()) return publish_says;
    return PassingFiles::publish(from, to);
  }
};

class SqliteCreate : public ::testing::Test {
 protected:
  absl::Status create() { return create_database(files_, *sqlite3_vfs_find(nullptr), path_, kPageBytes); }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("new.db");
  UnsureFiles files_;
};

TEST_F(SqliteCreate, LeavesAWholeDatabaseForItsOwnerAlone) {
  ASSERT_EQ(create(), absl::OkStatus());
  EXPECT_EQ(directory_.names(), std::vector<std::string>{"new.db"});
  EXPECT_EQ(testing::mode_of(path_), 0600u);
  EXPECT_EQ(plain_query(path_, "PRAGMA page_size"), "8192");
  EXPECT_EQ(plain_query(path_, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(plain_query(path_, "SELECT count(*) FROM main"), "0");
}

TEST_F(SqliteCreate, BuildsUnderARandomNameBesideIt) {
  ASSERT_EQ(create(), absl::OkStatus());
  EXPECT_TRUE(files_.draft.starts_with(path_ + "-new-"));
  const std::string first = files_.draft;
  files_.remove(path_);
  ASSERT_EQ(create(), absl::OkStatus());
  EXPECT_NE(files_.draft, first);
}

TEST_F(SqliteCreate, ShowsTheNameOnlyWhenTheDatabaseIsComplete) {
  std::string draft_says;
  std::vector<std::string> names;
  files_.before_publish = [&] {
    names = directory_.names();
    draft_says = plain_query(files_.draft, "SELECT count(*) FROM dictsqlite_meta");
  };
  ASSERT_EQ(create(), absl::OkStatus());
  EXPECT_EQ(names, std::vector<std::string>{files_.draft.substr(directory_.path().size() + 1)});
  EXPECT_EQ(draft_says, "5");
}

TEST_F(SqliteCreate, LetsAFasterProcessHaveTheName) {
  files_.before_publish = [&] { write_bytes(path_, "theirs"); };
  EXPECT_EQ(create(), absl::OkStatus());
  EXPECT_EQ(directory_.names(), std::vector<std::string>{"new.db"});
  EXPECT_EQ(testing::read_bytes(path_), "theirs");
}

TEST_F(SqliteCreate, LeavesNothingWhenTheFileCannotBeMade) {
  files_.create_says = absl::PermissionDeniedError("no writing here");
  EXPECT_EQ(create(), files_.create_says);
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(SqliteCreate, LeavesNothingWhenTheFileCannotBeNamed) {
  files_.publish_says = absl::UnavailableError("no space in the directory");
  EXPECT_EQ(create(), files_.publish_says);
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(SqliteCreate, LeavesNothingWhenTheDiskIsFull) {
  FaultVfs vfs;
  vfs.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC});
  const absl::Status status = create_database(files_, *sqlite3_vfs_find(vfs.name().c_str()), path_, kPageBytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(SqliteCreate, RefusesALogWhoseDatabaseIsNotThere) {
  for (const std::string_view suffix : {"-wal", "-journal"}) {
    const TempDirectory directory;
    const std::string path = directory.file("new.db");
    const std::string log = path + std::string(suffix);
    write_bytes(log, "what may be somebody's data");
    const std::map<std::string, std::string> before = directory.contents();
    EXPECT_EQ(create_database(files_, *sqlite3_vfs_find(nullptr), path, kPageBytes),
              absl::InvalidArgumentError("'" + log + "' is there but not its database '" + path +
                                         "': bring that back, or move the log away"));
    EXPECT_EQ(directory.contents(), before);
  }
}

TEST_F(SqliteCreate, TakesAnEmptyLogForNone) {
  write_bytes(path_ + "-wal", "");
  EXPECT_EQ(create(), absl::OkStatus());
}

}  // namespace
}  // namespace dictsqlite::store
