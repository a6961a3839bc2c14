// Goal: a layer passes everything but the opening of files to the VFS below, which sees itself and no layer; SQLite
// knows it by its name only while it is registered. Method: a VFS that notes what it is asked, below a layer that does
// nothing.
#include "store/vfs_layer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>

namespace dictsqlite::store {
namespace {

struct NotedVfs {
  sqlite3_vfs base{};
  std::string asked;

  static NotedVfs& of(sqlite3_vfs* vfs) { return *static_cast<NotedVfs*>(vfs->pAppData); }  // crashes on a layer
  NotedVfs() {
    base.iVersion = 1;
    base.szOsFile = 100;
    base.mxPathname = 77;
    base.pAppData = this;
    base.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
      of(vfs).asked += std::string("delete ") + name + (sync != 0 ? " and sync" : "");
      return SQLITE_IOERR_DELETE;
    };
    base.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
      of(vfs).asked += std::string("access ") + name + " " + std::to_string(flags);
      *out = 1;
      return SQLITE_IOERR_ACCESS;
    };
    base.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int bytes, char* out) {
      of(vfs).asked += std::string("path ") + name + " " + std::to_string(bytes);
      std::strcpy(out, "/x");
      return SQLITE_CANTOPEN;
    };
    base.xRandomness = [](sqlite3_vfs* vfs, int bytes, char* out) {
      of(vfs).asked += "random";
      out[0] = 'r';
      return bytes;
    };
    base.xSleep = [](sqlite3_vfs* vfs, int microseconds) {
      of(vfs).asked += "sleep";
      return microseconds + 1;
    };
    base.xCurrentTime = [](sqlite3_vfs* vfs, double* out) {
      of(vfs).asked += "time";
      *out = 2.5;
      return SQLITE_ERROR;
    };
    base.xGetLastError = [](sqlite3_vfs* vfs, int, char*) {
      of(vfs).asked += "error";
      return 5;
    };
  }
};

class PlainLayer : public VfsLayer {
 public:
  explicit PlainLayer(NotedVfs& below) : VfsLayer(below.base, 123, open) {}

  int opened = 0;

 private:
  static int open(sqlite3_vfs* vfs, const char*, sqlite3_file*, int, int*) {
    ++self<PlainLayer>(vfs).opened;
    return SQLITE_CANTOPEN;
  }
};

TEST(VfsLayerTest, IsKnownByItsNameOnlyWhileItIsRegistered) {
  NotedVfs below;
  PlainLayer layer(below);
  EXPECT_EQ(sqlite3_vfs_find(layer.name().c_str()), nullptr);
  {
    const VfsLayer::Registration registration(layer);
    EXPECT_TRUE(registration.ok());
    sqlite3_vfs* const found = sqlite3_vfs_find(layer.name().c_str());
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->szOsFile, 123);
    EXPECT_EQ(found->mxPathname, 77);
    EXPECT_NE(sqlite3_vfs_find(nullptr), found) << "nobody's default";
  }
  EXPECT_EQ(sqlite3_vfs_find(layer.name().c_str()), nullptr);
}

TEST(VfsLayerTest, HasANameOfItsOwn) {
  NotedVfs below;
  const PlainLayer first(below);
  const PlainLayer second(below);
  EXPECT_NE(first.name(), second.name());
}

TEST(VfsLayerTest, OpensItself) {
  NotedVfs below;
  PlainLayer layer(below);
  const VfsLayer::Registration registration(layer);
  sqlite3_vfs* const vfs = sqlite3_vfs_find(layer.name().c_str());
  EXPECT_EQ(vfs->xOpen(vfs, "name", nullptr, 0, nullptr), SQLITE_CANTOPEN);
  EXPECT_EQ(layer.opened, 1);
  EXPECT_EQ(below.asked, "");
}

TEST(VfsLayerTest, PassesEverythingElseOnAndBack) {
  NotedVfs below;
  PlainLayer layer(below);
  const VfsLayer::Registration registration(layer);
  sqlite3_vfs* const vfs = sqlite3_vfs_find(layer.name().c_str());
  const auto asked = [&below] { return std::exchange(below.asked, {}); };
  char text[100] = {};
  int number = 0;
  double time = 0;
  EXPECT_EQ(vfs->xDelete(vfs, "a", 1), SQLITE_IOERR_DELETE);
  EXPECT_EQ(asked(), "delete a and sync");
  EXPECT_EQ(vfs->xAccess(vfs, "b", 2, &number), SQLITE_IOERR_ACCESS);
  EXPECT_EQ(asked(), "access b 2");
  EXPECT_EQ(number, 1);
  EXPECT_EQ(vfs->xFullPathname(vfs, "c", 100, text), SQLITE_CANTOPEN);
  EXPECT_EQ(asked(), "path c 100");
  EXPECT_STREQ(text, "/x");
  EXPECT_EQ(vfs->xRandomness(vfs, 7, text), 7);
  EXPECT_EQ(asked(), "random");
  EXPECT_EQ(text[0], 'r');
  EXPECT_EQ(vfs->xSleep(vfs, 10), 11);
  EXPECT_EQ(asked(), "sleep");
  EXPECT_EQ(vfs->xCurrentTime(vfs, &time), SQLITE_ERROR);
  EXPECT_EQ(asked(), "time");
  EXPECT_EQ(time, 2.5);
  EXPECT_EQ(vfs->xGetLastError(vfs, 100, text), 5);
  EXPECT_EQ(asked(), "error");
}

TEST(VfsLayerTest, HasNoLastErrorIfTheOneBelowTellsNone) {
  NotedVfs below;
  below.base.xGetLastError = nullptr;
  PlainLayer layer(below);
  const VfsLayer::Registration registration(layer);
  sqlite3_vfs* const vfs = sqlite3_vfs_find(layer.name().c_str());
  EXPECT_EQ(vfs->xGetLastError(vfs, 0, nullptr), 0);
}

}  // namespace
}  // namespace dictsqlite::store
