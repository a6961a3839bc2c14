// Goal: rewrite_log() writes every byte of a log again, unchanged, and syncs after that; it stops at the first call
// that fails and says which. What such a log then means is SQLite's to judge, by its salts and checksums. Method: a log
// in memory that notes every call and fails on demand; and a log whose frames are of another life.
#include "store/wal_repair.hpp"

#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace dictsqlite::store::testing {
namespace {

constexpr std::size_t kChunk = 64 << 10;
constexpr std::size_t kFrame = 24 + 4096;

struct MemoryLog {
  sqlite3_file base{};  // must be first
  std::string bytes;
  std::string written;                     // what was written, where it was written
  std::vector<char> calls;                 // in order: z(size) r(ead) w(rite) s(ync)
  std::size_t fails_at = ~std::size_t{0};  // the number of the call that fails
  int code = SQLITE_OK;

  static MemoryLog& of(sqlite3_file* file) { return *reinterpret_cast<MemoryLog*>(file); }
  int call(char name) {
    calls.push_back(name);
    return calls.size() - 1 == fails_at ? code : SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(of(file).bytes.size());
    return of(file).call('z');
  }
  static int read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
    EXPECT_LE(static_cast<std::size_t>(offset + count), of(file).bytes.size()) << "read beyond the end";
    std::memcpy(out, of(file).bytes.data() + offset, static_cast<std::size_t>(count));
    return of(file).call('r');
  }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    EXPECT_EQ(static_cast<std::size_t>(offset), of(file).written.size()) << "each byte once, in order";
    of(file).written.append(static_cast<const char*>(bytes), static_cast<std::size_t>(count));
    return of(file).call('w');
  }
  static int sync(sqlite3_file* file, int flags) {
    EXPECT_EQ(flags, SQLITE_SYNC_NORMAL);
    return of(file).call('s');
  }
};

class WalRepair : public ::testing::Test {
 protected:
  WalRepair() {
    methods_.iVersion = 1;
    methods_.xFileSize = MemoryLog::size;
    methods_.xRead = MemoryLog::read;
    methods_.xWrite = MemoryLog::write;
    methods_.xSync = MemoryLog::sync;
  }
  [[nodiscard]] MemoryLog log_of(std::size_t size) const {
    MemoryLog log;
    log.base.pMethods = &methods_;
    for (std::size_t index = 0; index < size; ++index) log.bytes.push_back(static_cast<char>(index * 31 >> 3));
    return log;
  }
  [[nodiscard]] static std::string calls_of(const MemoryLog& log) { return {log.calls.begin(), log.calls.end()}; }

  sqlite3_io_methods methods_{};
};

TEST_F(WalRepair, DoesNothingToAnEmptyLog) {
  MemoryLog log = log_of(0);
  EXPECT_EQ(rewrite_log(log.base), SQLITE_OK);
  EXPECT_EQ(calls_of(log), "z");
}

TEST_F(WalRepair, WritesEveryByteAgainAndSyncsOnceAfterwards) {
  for (const std::size_t size : {std::size_t{1}, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk + 17}) {
    MemoryLog log = log_of(size);
    EXPECT_EQ(rewrite_log(log.base), SQLITE_OK);
    EXPECT_EQ(log.written, log.bytes) << size;
    std::string expected = "z";
    for (std::size_t chunk = 0; chunk * kChunk < size; ++chunk) expected += "rw";
    EXPECT_EQ(calls_of(log), expected + "s") << size;
  }
}

TEST_F(WalRepair, ReportsTheFirstCallThatFailsAndMakesNoOther) {
  const std::size_t calls = std::string("zrwrws").size();
  for (std::size_t failing = 0; failing < calls; ++failing) {
    for (const int code : {SQLITE_IOERR_READ, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_FULL}) {
      MemoryLog log = log_of(kChunk + 1);
      log.fails_at = failing;
      log.code = code;
      EXPECT_EQ(rewrite_log(log.base), code) << failing;
      EXPECT_EQ(log.calls.size(), failing + 1);
    }
  }
}

TEST_F(WalRepair, TakesAReadThatIsShortForAnError) {
  MemoryLog log = log_of(100);
  log.fails_at = 1;
  log.code = SQLITE_IOERR_SHORT_READ;  // somebody cut the log meanwhile
  EXPECT_EQ(rewrite_log(log.base), SQLITE_IOERR_SHORT_READ);
  EXPECT_EQ(log.written, "");
}

TEST_F(WalRepair, ForgetsBothCopiesOfTheIndexHeaderAndNothingElse) {
  std::array<unsigned char, 200> index{};
  index.fill(0xAB);
  forget_log_index(index.data());
  for (std::size_t byte = 0; byte < index.size(); ++byte) EXPECT_EQ(index[byte], byte < 96 ? 0 : 0xAB) << byte;
}

// --- of another life ---

class OldLog : public ::testing::Test {
 protected:
  // A database whose log holds two commits, left by a life that did not close.
  OldLog() {
    auto store = open_store(path_);
    EXPECT_TRUE(apply_sets(*store, {{"first", "1"}}, 1).ok());
    const std::size_t after_first = std::filesystem::file_size(path_ + "-wal");
    EXPECT_TRUE(apply_sets(*store, {{"second", "2"}}, 2).ok());
    store.reset();
    log_ = read_bytes(path_ + "-wal");
    EXPECT_GT(log_.size(), after_first);
    EXPECT_EQ((after_first - 32) % kFrame, 0u);
    second_ = after_first;
  }
  [[nodiscard]] Rows rows_with(const std::string& log) const {
    write_bytes(path_ + "-wal", log);
    return all_rows(*open_store(path_));
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("world.db");
  std::string log_;
  std::size_t second_ = 0;  // offset of the second commit's first frame
};

TEST_F(OldLog, AsItWasLeftHoldsBothCommits) { EXPECT_EQ(rows_with(log_), (Rows{{"first", "1"}, {"second", "2"}})); }

TEST_F(OldLog, EndsAtAFrameWithAnotherSalt) {
  log_[second_ + 8] = static_cast<char>(log_[second_ + 8] ^ 1);
  EXPECT_EQ(rows_with(log_), (Rows{{"first", "1"}}));
}

TEST_F(OldLog, EndsBeforeACommitOfWhichPartIsMissing) {
  log_.resize(second_ + 1);
  EXPECT_EQ(rows_with(log_), (Rows{{"first", "1"}}));
}

TEST_F(OldLog, WithAnotherSaltInItsHeaderHoldsNothing) {
  log_[16] = static_cast<char>(log_[16] ^ 1);
  EXPECT_EQ(rows_with(log_), (Rows{}));
}

TEST_F(OldLog, ThatIsEmptyHoldsNothing) { EXPECT_EQ(rows_with(""), (Rows{})); }

}  // namespace
}  // namespace dictsqlite::store::testing
