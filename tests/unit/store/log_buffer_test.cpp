// Goal: the file below gets every byte once, in few writes, and no commit can succeed over a lost one.
// Method: a file in memory that counts and fails on demand.

#include "store/log_buffer.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace dictsqlite::store {
namespace {

struct MemoryFile {
  sqlite3_file base;  // must be first
  std::string bytes;
  int writes = 0;
  int code = SQLITE_OK;
  int error = 0;

  static MemoryFile& of(sqlite3_file* file) { return *reinterpret_cast<MemoryFile*>(file); }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    MemoryFile& self = of(file);
    ++self.writes;
    if (self.code != SQLITE_OK) return self.code;
    const auto at = static_cast<std::size_t>(offset);
    const auto size = static_cast<std::size_t>(count);
    if (self.bytes.size() < at + size) self.bytes.resize(at + size);
    self.bytes.replace(at, size, static_cast<const char*>(bytes), size);
    return SQLITE_OK;
  }
  static int control(sqlite3_file* file, int operation, void* argument) {
    if (operation != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
    *static_cast<int*>(argument) = of(file).error;
    return SQLITE_OK;
  }
};

class LogBufferTest : public ::testing::Test {
 protected:
  LogBufferTest() {
    methods_.iVersion = 1;
    methods_.xWrite = MemoryFile::write;
    methods_.xFileControl = MemoryFile::control;
    file_.base.pMethods = &methods_;
  }
  int write(const std::string& bytes, sqlite3_int64 offset) {
    return buffer_.write(file_.base, bytes.data(), static_cast<int>(bytes.size()), offset);
  }
  int flush() { return buffer_.flush(file_.base); }

  sqlite3_io_methods methods_{};
  MemoryFile file_{};
  LogBuffer buffer_;
};

TEST_F(LogBufferTest, ContinuousWritesBecomeOne) {
  for (sqlite3_int64 offset = 0; offset < 10'480; offset += 1048) {
    EXPECT_EQ(write(std::string(24, 'h'), offset), SQLITE_OK);
    EXPECT_EQ(write(std::string(1024, 'p'), offset + 24), SQLITE_OK);
  }
  EXPECT_EQ(file_.writes, 0);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.writes, 1);
  EXPECT_EQ(file_.bytes.size(), 10'480U);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.writes, 1);
}

TEST_F(LogBufferTest, AWriteElsewhereOrOverTheCapacityWritesWhatCameBefore) {
  EXPECT_EQ(write("abc", 0), SQLITE_OK);
  EXPECT_EQ(write("XY", 1), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, "aXY");
  EXPECT_EQ(file_.writes, 2);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(5000, static_cast<char>('a' + i % 26));
    EXPECT_EQ(write(piece, static_cast<sqlite3_int64>(all.size())), SQLITE_OK);
    all += piece;
  }
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, all);
  EXPECT_LE(file_.writes, 2 + 9);
}

TEST_F(LogBufferTest, AWriteLargerThanTheBufferGoesStraightThrough) {
  EXPECT_EQ(write(std::string(24, 'h'), 0), SQLITE_OK);
  EXPECT_EQ(write(std::string(65'536, 'p'), 24), SQLITE_OK);
  EXPECT_EQ(write(std::string(65'537, 'q'), 65'560), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, std::string(24, 'h') + std::string(65'536, 'p') + std::string(65'537, 'q'));
}

TEST_F(LogBufferTest, AfterALostWriteEverythingFailsUntilTheRollback) {
  EXPECT_EQ(write("lost", 0), SQLITE_OK);
  file_.code = SQLITE_FULL;
  EXPECT_EQ(flush(), SQLITE_FULL);
  file_.code = SQLITE_OK;
  EXPECT_EQ(write("more", 4), SQLITE_FULL);
  EXPECT_EQ(flush(), SQLITE_FULL);
  EXPECT_EQ(flush(), SQLITE_FULL);
  EXPECT_EQ(file_.bytes, "");
  buffer_.discard();
  EXPECT_EQ(write("again", 0), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, "again");
}

TEST_F(LogBufferTest, AFullQuotaIsToldLikeAFullDiskAndOtherErrorsAsTheyAre) {
  file_.code = SQLITE_IOERR_WRITE;
  file_.error = EDQUOT;
  EXPECT_EQ(write("a", 0), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_FULL);
  buffer_.discard();
  file_.error = EIO;
  EXPECT_EQ(write("a", 0), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_IOERR_WRITE);
}

TEST_F(LogBufferTest, WhatIsDiscardedIsNeverWritten) {
  EXPECT_EQ(write("rolled back", 100), SQLITE_OK);
  buffer_.discard();
  EXPECT_EQ(write("kept", 0), SQLITE_OK);
  EXPECT_EQ(flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, "kept");
}

}  // namespace
}  // namespace dictsqlite::store
