// Goal: a page that the kernel has is mapped, any other is read once and mapped from then on, over changes and growth
// of the file; what cannot be read is an error and nothing worse. Method: a plain connection through the real VFS with
// a page cache of a few pages, counting what was handed out and what was read, with a kernel that says it has nothing;
// a VFS below whose reads fail, or whose mapping does.

#include "store/mapped_vfs.hpp"
#include "foreign_process.hpp"
#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::store::testing {
namespace {

constexpr std::size_t kMapBytes = 64u << 20;

// The kernel's files, with reads that fail when told to, or without the functions that map.
class LowerVfs : public VfsLayer {
 public:
  LowerVfs() : VfsLayer(system(), static_cast<std::size_t>(system().szOsFile), &LowerVfs::open), registration_(*this) {}

  [[nodiscard]] sqlite3_vfs& vfs() const { return *sqlite3_vfs_find(name().c_str()); }
  static inline bool reads_fail = false;
  static inline bool cannot_map = false;
  static inline bool grants_no_mapping = false;
  static inline bool mapping_fails = false;
  static inline bool mapping_in_pieces = false;
  static inline int map_requests = 0;

 private:
  static sqlite3_vfs& system() { return *sqlite3_vfs_find(nullptr); }
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    sqlite3_vfs& below = self<LowerVfs>(vfs).below_;
    const int code = below.xOpen(&below, name, out, flags, flags_out);
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return code;
    system_methods_ = out->pMethods;
    methods_ = *out->pMethods;
    methods_.xRead = [](sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
      return reads_fail ? SQLITE_IOERR_READ : system_methods_->xRead(file, to, count, offset);
    };
    methods_.xFileControl = [](sqlite3_file* file, int operation, void* argument) {
      if (operation == SQLITE_FCNTL_MMAP_SIZE) ++map_requests;
      if (operation == SQLITE_FCNTL_MMAP_SIZE && grants_no_mapping) {
        *static_cast<sqlite3_int64*>(argument) = 0;
        return SQLITE_OK;
      }
      return system_methods_->xFileControl(file, operation, argument);
    };
    methods_.xFetch = [](sqlite3_file* file, sqlite3_int64 offset, int count, void** to) {
      *to = nullptr;
      if (mapping_fails) return SQLITE_OK;
      const int fetched = system_methods_->xFetch(file, offset, count, to);
      if (mapping_in_pieces && offset != 0 && *to != nullptr) *to = static_cast<char*>(*to) + 1;
      return fetched;
    };
    if (cannot_map) methods_.iVersion = 2;
    out->pMethods = &methods_;
    return code;
  }

  static inline const sqlite3_io_methods* system_methods_ = nullptr;
  static inline sqlite3_io_methods methods_{};
  Registration registration_;
};

// As if the kernel had no page of the file in its cache.
std::uint64_t populate_nothing(const std::byte* /*start*/, std::size_t /*page_bytes*/, std::size_t /*pages*/,
                               std::size_t /*wanted*/) noexcept {
  return 0;
}

// A reading connection through a MappedVfs that caches next to nothing itself.
class Reading {
 public:
  Reading(sqlite3_vfs& below, const std::string& path, std::size_t map_bytes, PopulatePages populate = populate_nothing)
      : vfs_(below, map_bytes, populate) {
    const VfsLayer::Registration registration(vfs_);
    EXPECT_TRUE(registration.ok());
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database_, flags, vfs_.name().c_str()), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database_, "PRAGMA cache_size=3", nullptr, nullptr, nullptr), SQLITE_OK);
    if (!vfs_.maps()) return;
    const std::string map = "PRAGMA mmap_size=" + std::to_string(map_bytes);
    EXPECT_EQ(sqlite3_exec(database_, map.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  }
  ~Reading() { close(); }
  void close() { EXPECT_EQ(sqlite3_close(std::exchange(database_, nullptr)), SQLITE_OK); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  // The result code of reading one row, and its value.
  int get(const std::string& key, std::optional<std::string>& value) {
    sqlite3_stmt* select = nullptr;
    int code = sqlite3_prepare_v2(database_, "SELECT value FROM main WHERE key=?1", -1, &select, nullptr);
    if (code != SQLITE_OK) return code;
    sqlite3_bind_text(select, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
    value.reset();
    code = sqlite3_step(select);
    if (code == SQLITE_ROW) {
      value.emplace(static_cast<const char*>(sqlite3_column_blob(select, 0)),
                    static_cast<std::size_t>(sqlite3_column_bytes(select, 0)));
    }
    sqlite3_finalize(select);
    return code;
  }
  void expect_all(const Rows& rows) {
    std::optional<std::string> found;
    for (const auto& [key, value] : rows) {
      ASSERT_EQ(get(key, found), SQLITE_ROW) << key;
      ASSERT_EQ(found, value) << key;
    }
  }
  // Stands on a row until it is finalized.
  sqlite3_stmt* stand_on(const std::string& key) {
    sqlite3_stmt* select = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database_, "SELECT value FROM main WHERE key=?1", -1, &select, nullptr), SQLITE_OK);
    sqlite3_bind_text(select, 1, key.data(), static_cast<int>(key.size()), SQLITE_TRANSIENT);
    EXPECT_EQ(sqlite3_step(select), SQLITE_ROW);
    return select;
  }
  [[nodiscard]] MappedVfs& vfs() { return vfs_; }

 private:
  MappedVfs vfs_;
  sqlite3* database_ = nullptr;
};

class MappedVfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LowerVfs::reads_fail = false;
    LowerVfs::cannot_map = false;
    LowerVfs::grants_no_mapping = false;
    LowerVfs::mapping_fails = false;
    LowerVfs::mapping_in_pieces = false;
    LowerVfs::map_requests = 0;
    put(numbered_rows("k", 4'000, 100));
  }
  // Into the file itself.
  void put(const Rows& rows) {
    ASSERT_TRUE(apply_sets(*store_, rows, ++sequence_).ok());
    const absl::StatusOr<bool> copied = store_->writer().checkpoint();
    ASSERT_TRUE(copied.ok() && *copied);
    for (const auto& [key, value] : rows) rows_[key] = value;
  }
  [[nodiscard]] static sqlite3_vfs& system() { return *sqlite3_vfs_find(nullptr); }

  ForeignProcess other_;
  TempDirectory directory_;
  std::string path_ = directory_.file("world.db");
  std::unique_ptr<SqliteStore> store_ = open_store(path_);
  std::uint64_t sequence_ = 0;
  Rows rows_;
};

TEST_F(MappedVfsTest, APageIsReadOnceAndThenMapped) {
  Reading reading(system(), path_, kMapBytes);
  ASSERT_TRUE(reading.vfs().maps());
  reading.expect_all(rows_);
  const std::uint64_t read = reading.vfs().pages_read();
  const std::uint64_t mapped = reading.vfs().pages_mapped();
  EXPECT_GT(read, 100U);
  reading.expect_all(rows_);
  EXPECT_LE(reading.vfs().pages_read(), read + 1) << "but for the last page of the file, which SQLite does not map";
  EXPECT_GE(reading.vfs().pages_mapped(), mapped + 2 * rows_.size()) << "two descents a row";
}

TEST_F(MappedVfsTest, WhatTheKernelHasIsNeverRead) {
  Reading reading(system(), path_, kMapBytes, populate_pages);
  reading.expect_all(rows_);
  EXPECT_LE(reading.vfs().pages_read(), 8U) << "the first and the last page of the file, which SQLite does not map";
  EXPECT_GE(reading.vfs().pages_mapped(), 2 * rows_.size()) << "two descents a row";
}

TEST_F(MappedVfsTest, PagesAreShownThatCanBeTouched) {
  Reading reading(system(), path_, kMapBytes);
  EXPECT_EQ(reading.vfs().page_bytes(), 0U);
  EXPECT_EQ(reading.vfs().page(2), nullptr) << "nothing is mapped before SQLite has asked for a page";
  reading.expect_all(rows_);
  EXPECT_EQ(reading.vfs().page_bytes(), 4096U);
  std::size_t leaves = 0;
  const std::uint32_t pages = static_cast<std::uint32_t>(std::stoul(plain_query(path_, "PRAGMA page_count")));
  for (std::uint32_t number = 1; number <= pages; ++number) {
    const std::byte* const page = reading.vfs().page(number);
    if (page != nullptr && page[0] == std::byte{13}) ++leaves;
  }
  EXPECT_GE(leaves, 4'000U * 100 / 4096) << "leaf pages of the table";
  EXPECT_EQ(reading.vfs().page(0), nullptr);
  EXPECT_EQ(reading.vfs().page(pages), nullptr) << "nor does it map the last one";
  EXPECT_EQ(reading.vfs().page(pages + 1), nullptr);
  EXPECT_EQ(reading.vfs().page(0xffffffff), nullptr);
}

TEST_F(MappedVfsTest, ChangesAreSeenAndReadNothingAgain) {
  Reading reading(system(), path_, kMapBytes);
  reading.expect_all(rows_);
  const std::uint64_t read = reading.vfs().pages_read();
  for (int round = 0; round < 5; ++round) {
    Rows changed = rows_;
    for (auto& [key, value] : changed) value[0] = static_cast<char>('A' + round);
    put(changed);
    reading.expect_all(rows_);
  }
  EXPECT_LE(reading.vfs().pages_read(), read + 60) << "a change empties SQLite's own cache, not the mapping";
}

TEST_F(MappedVfsTest, WhatIsInTheLogAloneIsReadFromTheLog) {
  Reading reading(system(), path_, kMapBytes);
  reading.expect_all(rows_);
  reading.expect_all(rows_);
  Rows changed = rows_;
  for (auto& [key, value] : changed) value[0] = '!';
  ASSERT_TRUE(apply_sets(*store_, changed, ++sequence_).ok());
  reading.expect_all(changed);
}

TEST_F(MappedVfsTest, WhatTheFileGrewByIsMappedToo) {
  Reading reading(system(), path_, kMapBytes);
  reading.expect_all(rows_);
  reading.expect_all(rows_);
  put(numbered_rows("m", 8'000, 100));
  reading.expect_all(rows_);
  reading.expect_all(rows_);
  const std::uint64_t read = reading.vfs().pages_read();
  reading.expect_all(rows_);
  EXPECT_LE(reading.vfs().pages_read(), read + 1);
}

TEST_F(MappedVfsTest, TheMappingStaysWhileSomebodyStandsOnAPage) {
  Reading reading(system(), path_, kMapBytes, populate_pages);
  reading.expect_all(rows_);
  sqlite3_stmt* const standing = reading.stand_on(rows_.begin()->first);
  const std::byte* const page = reading.vfs().page(2);
  ASSERT_NE(page, nullptr);
  const Rows older = rows_;
  const Rows newer = numbered_rows("m", 8'000, 100);
  ASSERT_TRUE(apply_sets(*store_, newer, ++sequence_).ok());
  ASSERT_TRUE(store_->writer().checkpoint().ok());
  reading.expect_all(older);
  EXPECT_EQ(reading.vfs().page(2), page) << "it has not moved";
  EXPECT_EQ(sqlite3_finalize(standing), SQLITE_OK);
  ASSERT_TRUE(store_->writer().checkpoint().ok());
  reading.expect_all(newer);
  const std::uint64_t read = reading.vfs().pages_read();
  reading.expect_all(newer);
  EXPECT_LE(reading.vfs().pages_read(), read + 1) << "mapped in its new length";
}

TEST_F(MappedVfsTest, PagesOfEverySizeAreMapped) {
  for (const std::uint32_t bytes : {512u, 1024u, 8192u, 65536u}) {
    const TempDirectory directory;
    SqliteOptions options = options_for(directory.file("sized.db"));
    options.page_bytes = bytes;
    const auto store = open_store(options);
    const Rows rows = numbered_rows("k", 4'000, 100);
    ASSERT_TRUE(apply_sets(*store, rows, 1).ok());
    ASSERT_TRUE(store->writer().checkpoint().ok());
    Reading reading(system(), directory.file("sized.db"), kMapBytes, populate_pages);
    reading.expect_all(rows);
    const std::uint64_t read = reading.vfs().pages_read();
    reading.expect_all(rows);
    EXPECT_LE(reading.vfs().pages_read(), read + 1) << bytes;
    EXPECT_EQ(reading.vfs().page_bytes(), bytes);
    EXPECT_NE(reading.vfs().page(2), nullptr);
  }
}

TEST_F(MappedVfsTest, NothingIsShownAfterTheEnd) {
  Reading reading(system(), path_, kMapBytes, populate_pages);
  reading.expect_all(rows_);
  ASSERT_NE(reading.vfs().page(2), nullptr);
  reading.close();
  EXPECT_FALSE(reading.vfs().maps());
  EXPECT_EQ(reading.vfs().page(2), nullptr);
}

// With auto_vacuum SQLite would cut off what is free after each checkpoint.
TEST_F(MappedVfsTest, TheFileDoesNotGetShorterUnderTheMapping) {
  store_.reset();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA auto_vacuum=1;VACUUM", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_close(database), SQLITE_OK);
  store_ = open_store(path_);
  Reading reading(system(), path_, kMapBytes, populate_pages);
  reading.expect_all(rows_);
  const auto pages = static_cast<std::uint32_t>(std::stoul(plain_query(path_, "PRAGMA page_count")));
  std::vector<RowWrite> erasures;
  for (const auto& [key, value] : rows_) erasures.push_back(erase_row(key));
  ASSERT_TRUE(apply_rows(*store_, erasures, ++sequence_).ok());
  const absl::StatusOr<bool> copied = store_->writer().checkpoint();
  ASSERT_TRUE(copied.ok() && *copied);
  ASSERT_LT(std::stoul(plain_query(path_, "PRAGMA page_count")), pages / 10);
  for (std::uint32_t number = 1; number < pages; ++number) {
    const std::byte* const page = reading.vfs().page(number);
    if (page == nullptr) continue;
    const volatile std::byte touched = page[0];  // or the process is gone
    static_cast<void>(touched);
  }
  EXPECT_EQ(plain_query(path_, "PRAGMA integrity_check"), "ok");
  put(numbered_rows("n", 100, 100));
  store_.reset();
  store_ = open_store(path_);
  EXPECT_EQ(all_rows(*store_), numbered_rows("n", 100, 100));
}

TEST_F(MappedVfsTest, WhatLiesBeyondTheLimitIsRead) {
  Reading reading(system(), path_, 64u << 10);
  ASSERT_TRUE(reading.vfs().maps());
  reading.expect_all(rows_);
  const std::uint64_t read = reading.vfs().pages_read();
  reading.expect_all(rows_);
  EXPECT_GT(reading.vfs().pages_read(), read + 50);
  EXPECT_GT(reading.vfs().pages_mapped(), 0U);
}

TEST_F(MappedVfsTest, WithoutAMappingEverythingIsRead) {
  Reading off(system(), path_, 0);
  EXPECT_FALSE(off.vfs().maps());
  off.expect_all(rows_);
  const LowerVfs lower;
  LowerVfs::cannot_map = true;
  Reading unable(lower.vfs(), path_, kMapBytes);
  EXPECT_FALSE(unable.vfs().maps());
  unable.expect_all(rows_);
  LowerVfs::cannot_map = false;
  LowerVfs::grants_no_mapping = true;
  Reading refused(lower.vfs(), path_, kMapBytes);
  EXPECT_FALSE(refused.vfs().maps());
  refused.expect_all(rows_);
}

TEST_F(MappedVfsTest, WithoutRoomForTheMappingEverythingIsRead) {
  const LowerVfs lower;
  Reading reading(lower.vfs(), path_, kMapBytes, populate_pages);
  LowerVfs::mapping_fails = true;
  ASSERT_TRUE(reading.vfs().maps());
  reading.expect_all(rows_);
  EXPECT_EQ(reading.vfs().pages_mapped(), 0U);
  EXPECT_GT(reading.vfs().pages_read(), 100U);
  LowerVfs::mapping_fails = false;
  LowerVfs::mapping_in_pieces = true;
  Reading pieces(lower.vfs(), path_, kMapBytes, populate_pages);
  pieces.expect_all(rows_);
  EXPECT_EQ(pieces.vfs().pages_mapped(), 0U) << "not in one piece";
}

TEST_F(MappedVfsTest, APageThatCannotBeReadTheFirstTimeIsAnError) {
  const LowerVfs lower;
  Reading reading(lower.vfs(), path_, kMapBytes);
  EXPECT_EQ(LowerVfs::map_requests, 2) << "not for the file that is read: it would be read through a mapping then";
  std::optional<std::string> value;
  ASSERT_EQ(reading.get(rows_.begin()->first, value), SQLITE_ROW);
  LowerVfs::reads_fail = true;
  EXPECT_EQ(reading.get(rows_.rbegin()->first, value), SQLITE_IOERR_READ) << "a page nobody has used";
  LowerVfs::reads_fail = false;
  reading.expect_all(rows_);
  LowerVfs::reads_fail = true;
  EXPECT_EQ(reading.get(rows_.begin()->first, value), SQLITE_ROW) << "needs no reading any more";
}

TEST_F(MappedVfsTest, ClosingItLeavesTheLocksOfThisProcessAlone) {
  { Reading reading(system(), path_, kMapBytes); }
  ASSERT_EQ(other_.open(path_), "ok");
  EXPECT_EQ(other_.query("PRAGMA journal_mode=DELETE"), "error 5");  // SQLITE_BUSY
  EXPECT_EQ(other_.query("INSERT INTO main(key,value) VALUES('x',x'00')"), "error 5");
}

}  // namespace
}  // namespace dictsqlite::store::testing
