// Goal: the first 100 bytes decide whether a file is ours, each field that matters by itself, and looking leaves no
// trace. Method: headers made by hand; refusal_test.cpp has what opening says of such files.
#include "store/sqlite_header.hpp"

#include "store_test_support.hpp"
#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::store::testing {
namespace {

using Code = absl::StatusCode;

class SqliteHeader : public ::testing::Test {
 protected:
  SqliteHeader() {
    EXPECT_EQ(sqlite3_initialize(), SQLITE_OK);
    header_.replace(0, 16, std::string("SQLite format 3\0", 16));
    put(16, 2, 4096);
    header_[18] = header_[19] = 2;
    put(56, 4, SQLITE_UTF8);
    put(60, 4, kFormatVersion);
    put(68, 4, kApplicationId);
  }
  void put(std::size_t offset, std::size_t bytes, std::uint32_t value) {
    for (std::size_t byte = 0; byte < bytes; ++byte)
      header_[offset + byte] = static_cast<char>(value >> (8 * (bytes - 1 - byte)));
  }
  [[nodiscard]] absl::Status check() const {
    write_bytes(path_, header_);
    const auto before = directory_.contents();
    absl::Status status = check_header(*sqlite3_vfs_find(nullptr), path_);
    EXPECT_EQ(directory_.contents(), before);
    return status;
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("world.db");
  std::string header_ = std::string(100, '\0');
};

TEST_F(SqliteHeader, OfOursIsAccepted) { EXPECT_EQ(check(), absl::OkStatus()); }

TEST_F(SqliteHeader, ThatCannotBeOpenedIsAnErrorAlsoOfAVfsThatDoesNotSayWhy) {
  sqlite3_vfs silent = *sqlite3_vfs_find(nullptr);
  silent.xOpen = [](sqlite3_vfs*, const char*, sqlite3_file* file, int, int*) {
    file->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  };
  silent.xGetLastError = nullptr;
  EXPECT_EQ(check_header(silent, path_).code(), Code::kInternal);
}

TEST_F(SqliteHeader, HasAPageSizeThatSqliteKnows) {
  for (const std::uint32_t size : {1u, 512u, 1024u, 32'768u}) {  // 1 stands for 65,536
    put(16, 2, size);
    EXPECT_EQ(check(), absl::OkStatus()) << size;
  }
  for (const std::uint32_t size : {0u, 2u, 256u, 513u, 4095u, 65'535u}) {
    put(16, 2, size);
    EXPECT_EQ(check().code(), Code::kDataLoss) << size;
  }
}

TEST_F(SqliteHeader, HasJournalVersionsThatSqliteKnows) {
  for (const std::size_t offset : {18u, 19u}) {
    for (const char version : {'\0', '\1', '\2', '\3'}) {
      header_[offset] = version;
      EXPECT_EQ(check().code(), version == 1 || version == 2 ? Code::kOk : Code::kDataLoss) << offset;
    }
    header_[offset] = 2;
  }
}

TEST_F(SqliteHeader, IsOfTextInUtf8) {
  for (const std::uint32_t encoding : {0u, 2u, 3u, 0x0100'0001u}) {
    put(56, 4, encoding);
    EXPECT_EQ(check().code(), Code::kDataLoss) << encoding;
  }
}

TEST_F(SqliteHeader, OfAnotherFormatIsNewerOrDamaged) {
  put(60, 4, kFormatVersion + 1);
  EXPECT_EQ(check().code(), Code::kUnimplemented);
  put(60, 4, 0xFFFF'FFFF);
  EXPECT_EQ(check().code(), Code::kUnimplemented);
  put(60, 4, 0);
  EXPECT_EQ(check().code(), Code::kDataLoss);
}

TEST_F(SqliteHeader, OfAnotherProgramIsNotOursWhateverElseIsWrong) {
  put(68, 4, kApplicationId + 1);
  put(60, 4, 99);
  EXPECT_EQ(check().code(), Code::kInvalidArgument);
  header_[0] = 's';
  EXPECT_EQ(check().code(), Code::kInvalidArgument);
}

TEST_F(SqliteHeader, IsAHundredBytes) {
  header_.pop_back();
  EXPECT_EQ(check().code(), Code::kInvalidArgument);
  header_.clear();
  EXPECT_EQ(check().code(), Code::kInvalidArgument);
}

TEST_F(SqliteHeader, OfAMissingFileIsNotFoundAndMakesNone) {
  EXPECT_EQ(check_header(*sqlite3_vfs_find(nullptr), path_).code(), Code::kNotFound);
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(SqliteHeader, ThatCannotBeReadIsNoReasonToTakeTheFileForAnothers) {
  ASSERT_EQ(check(), absl::OkStatus());
  testing_support::FaultVfs vfs;
  for (const auto& [error, code] : {std::pair(EIO, Code::kDataLoss), std::pair(EINTR, Code::kInternal)}) {
    vfs.inject({testing_support::FaultFile::kDatabase, testing_support::FaultCall::kRead, error});
    const absl::Status status = check_header(*sqlite3_vfs_find(vfs.name().c_str()), path_);
    EXPECT_EQ(status.code(), code) << status;
  }
  EXPECT_EQ(vfs.failures(), 2);
}

}  // namespace
}  // namespace dictsqlite::store::testing
