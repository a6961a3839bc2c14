// Goal: when the kernel itself reports an error at a sync, the database fails honestly: one kFailed, only kUnknown,
//       kAborted and kFailedPrecondition for those who write, no success any more; and when the disk is well again and
//       the database is opened again, every acknowledged write is there (P1 to P5 under F3), with and without a log.
// Method: the database lies on an ext4 whose image is a sparse file in a small tmpfs. At a random moment the tmpfs is
//       filled to the last page, so that blocks which the image does not have yet cannot be written back: the file
//       system took the bytes, and the next sync ends in EIO. The process has to notice and to end by itself. Then the
//       tmpfs gets its space back, the file system is mounted again and its free blocks are given back to the tmpfs,
//       and the next process opens the database there. The plan, the reports and the judge are those of the kill loop.
//
// DICTSQLITE_SEED=n repeats the writes, options and moments of a run.
#include "crash/loop_file_system_fixture.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::kill_loop {
namespace {

constexpr std::uint64_t kImageBytes = std::uint64_t{64} << 20;

// Memory posing as a disk. The image leaves room for a filler.
class SmallTmpfs {
 public:
  explicit SmallTmpfs(std::string where) : where_(std::move(where)) {
    std::filesystem::create_directory(where_);
    EXPECT_EQ(::mount("tmpfs", where_.c_str(), "tmpfs", 0, "size=80m"), 0) << std::strerror(errno);
  }
  ~SmallTmpfs() { EXPECT_EQ(::umount2(where_.c_str(), MNT_DETACH), 0) << std::strerror(errno); }
  SmallTmpfs(const SmallTmpfs&) = delete;
  SmallTmpfs& operator=(const SmallTmpfs&) = delete;

  [[nodiscard]] std::string image() const { return where_ + "/image"; }

  // A sentence if it is not full then.
  [[nodiscard]] std::string fill() const {
    const int fd = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return std::string("the filler: ") + std::strerror(errno);
    static constexpr std::array<char, std::size_t{64} << 10> kBytes{};
    std::size_t size = kBytes.size();
    while (size >= 4096) {
      if (::write(fd, kBytes.data(), size) != static_cast<ssize_t>(size)) size /= 2;
    }
    const bool full = ::write(fd, kBytes.data(), 4096) < 0 && errno == ENOSPC;
    ::close(fd);
    return full ? "" : "the tmpfs did not become full";
  }
  void empty() const { std::filesystem::remove(filler()); }

 private:
  [[nodiscard]] std::string filler() const { return where_ + "/filler"; }

  const std::string where_;
};

class DiskBreaks final : public Disaster {
 public:
  DiskBreaks(SmallTmpfs& disk, LoopFileSystem& file_system, std::string path)
      : disk_(disk), file_system_(file_system), path_(std::move(path)), random_(0x627265616Bu) {}

  // The kernel is not quite honest here. Without any of us, of pwrite and fdatasync the first sync that met the full
  // tmpfs returned 0 for lost pages in 8 of 400 rounds, with Errors::kHonest; what had been acknowledged before the
  // tmpfs was filled was kept in all of them (Linux 6.18). So nothing may be copied into the database file meanwhile.
  bool takes_the_disk() const override { return true; }
  bool meets_opening() const override { return false; }

  void prepare(ChildPlan& plan) override {
    plan.end = End::kFails;
    plan.copies_nothing = true;  // so that SQLite's log and ours go on asking for new blocks
    plan.log_path = random_.one_in(2) ? LogPath::kCached : LogPath::kBest;
    journaled_ = is_journaled(plan.round);
    open_ = false;
  }
  std::string opened(const ChildProcess&) override {
    open_ = true;
    Content content;
    return read_by_sqlite(path_, SQLITE_OPEN_READONLY, content);
  }
  std::string strike(const ChildProcess&) override { return disk_.fill(); }

  std::string after(int status) override {
    const bool is_full = WIFEXITED(status) && WEXITSTATUS(status) == kStatusOfFull;
    if (status != 0 && !is_full) return "the process ended with status " + std::to_string(status);
    if (is_full && !journaled_) return "without a log nothing is made that could find no space";
    if (open_) ++(is_full ? full_disks : journaled_ ? failures_with_log : failures_without_log);
    std::string wrong = file_system_.unmount();
    disk_.empty();
    if (wrong.empty()) wrong = file_system_.repair();
    if (wrong.empty()) wrong = file_system_.mount();
    return wrong.empty() ? file_system_.trim() : wrong;
  }

  std::string describe() const override { return open_ ? "a broken disk" : "a broken disk while opening"; }

  std::uint64_t failures_with_log = 0;
  std::uint64_t failures_without_log = 0;
  std::uint64_t full_disks = 0;  // no space for another file of the log, before anything had failed

 private:
  SmallTmpfs& disk_;
  LoopFileSystem& file_system_;
  const std::string path_;
  testing_support::Random random_;
  bool journaled_ = false;
  bool open_ = false;
};

class SyncErrorTest : public LoopFileSystemTest {
 protected:
  void break_often(unsigned writers, std::uint64_t rounds) {
    SmallTmpfs disk(directory_.file("small"));
    LoopFileSystem file_system(disk.image(), mount_point(), Errors::kHonest);
    ASSERT_EQ(file_system.make(kImageBytes), "");
    DiskBreaks breaks(disk, file_system, database());
    KillLoop loop(database(), writers, 200 + writers);
    ASSERT_NO_FATAL_FAILURE(run(loop, breaks, rounds));
    ASSERT_EQ(file_system.unmount(), "");
    print("broken disks", loop);
    std::printf("%llu databases failed while they were open with a log, %llu without; %llu found the disk full\n",
                static_cast<unsigned long long>(breaks.failures_with_log),
                static_cast<unsigned long long>(breaks.failures_without_log),
                static_cast<unsigned long long>(breaks.full_disks));
    if (rounds < 20) return;
    EXPECT_GT(breaks.failures_with_log, breaks.full_disks);
    EXPECT_GT(breaks.failures_without_log, 0u);
  }
};

TEST_F(SyncErrorTest, OneWriterIsToldAndKeepsWhatIsDurable) { break_often(1, testing_support::scaled(10)); }

TEST_F(SyncErrorTest, ConcurrentWritersAreToldAndKeepWhatIsDurable) {
  break_often(kWritersMax, testing_support::scaled(10));
}

}  // namespace
}  // namespace dictsqlite::kill_loop

int main(int argc, char** argv) { return dictsqlite::kill_loop::run_tests_or_child(argc, argv); }
