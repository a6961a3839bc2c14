// Goal: the kernel's files do what the store asks, follow no link in a last name, and turn each errno into its code.
// Method: a directory with one file of each kind.
#include "io/file_access.hpp"

#include "unit/store/store_test_support.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::io {
namespace {

using Code = absl::StatusCode;
using store::testing::mode_of;
using store::testing::read_bytes;
using store::testing::TempDirectory;
using store::testing::write_bytes;

class KernelFiles : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(std::string_view name) const { return directory_.file(name); }
  [[nodiscard]] std::string link_to(const std::string& target) const {
    std::filesystem::create_symlink(target, file("link"));
    return file("link");
  }

  const TempDirectory directory_;
  const std::unique_ptr<FileAccess> files_ = make_kernel_files();
};

TEST_F(KernelFiles, FollowTheLinksOfADirectoryAndNotOfTheLastName) {
  std::filesystem::create_directory(file("real"));
  write_bytes(file("real/victim"), "x");
  std::filesystem::create_symlink(file("real/victim"), file("real/name"));
  const std::string link = link_to(file("real"));
  const std::string real = std::filesystem::canonical(file("real"));
  EXPECT_EQ(*files_->resolve_directory(link + "/missing.db"), real + "/missing.db");
  EXPECT_EQ(*files_->resolve_directory(link + "/name"), real + "/name");
  EXPECT_EQ(*files_->resolve_directory(link + "/../real/./x"), real + "/x");
}

// It would be buffered, and a failed sync told to one of two who wait.
TEST_F(KernelFiles, AreNotDirectWhereThatIsOnlyPretended) {
  struct statfs facts {};
  ASSERT_EQ(::statfs("/dev/shm", &facts), 0);
  ASSERT_EQ(facts.f_type, TMPFS_MAGIC) << "Linux programs that share memory need a tmpfs here, and so does this test";
  const std::string path = "/dev/shm/dictsqlite-" + std::to_string(::getpid());
  EXPECT_EQ(files_->create_file(path, FileCaching::kDirect).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(files_->facts(path)->kind, FileKind::kMissing);
  const absl::StatusOr<int> cached = files_->create_file(path, FileCaching::kCached);
  ASSERT_EQ(cached.status(), absl::OkStatus());
  files_->close_file(*cached);
  files_->remove(path);
}

TEST_F(KernelFiles, ResolveNamesInTheRoot) { EXPECT_EQ(*files_->resolve_directory("/world.db"), "/world.db"); }

TEST_F(KernelFiles, FindNoDirectoryWhereThereIsNone) {
  write_bytes(file("file"), "x");
  EXPECT_EQ(files_->resolve_directory(file("missing/x")).status().code(), Code::kNotFound);
  EXPECT_EQ(files_->resolve_directory(file("file/x")).status().code(), Code::kNotFound);
  EXPECT_EQ(files_->resolve_directory(link_to(file("link")) + "/x").status().code(), Code::kInvalidArgument)
      << "a link to itself";
}

TEST_F(KernelFiles, TellTheKindOfAFileWithoutFollowingIt) {
  write_bytes(file("file"), "12345");
  std::filesystem::create_directory(file("directory"));
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
  EXPECT_EQ(files_->facts(file("missing"))->kind, FileKind::kMissing);
  EXPECT_EQ(files_->facts(file("file"))->kind, FileKind::kRegular);
  EXPECT_EQ(files_->facts(file("file"))->bytes, 5u);
  EXPECT_EQ(files_->facts(link_to(file("file")))->kind, FileKind::kSymlink);
  EXPECT_EQ(files_->facts(file("directory"))->kind, FileKind::kOther);
  EXPECT_EQ(files_->facts(file("fifo"))->kind, FileKind::kOther);
  EXPECT_EQ(files_->facts(file("file/x")).status().code(), Code::kNotFound) << "not a directory";
  EXPECT_EQ(files_->facts(file(std::string(300, 'x'))).status().code(), Code::kInvalidArgument);
}

TEST_F(KernelFiles, CreateAFileForItsOwnerAlone) {
  const mode_t mask = ::umask(0);
  EXPECT_EQ(files_->create_private(file("new")), absl::OkStatus());
  ::umask(mask);
  EXPECT_EQ(mode_of(file("new")), 0600u);
  EXPECT_EQ(read_bytes(file("new")), "");
}

TEST_F(KernelFiles, CreateNothingOverAnythingThatIsThere) {
  write_bytes(file("file"), "kept");
  EXPECT_EQ(files_->create_private(file("file")).code(), Code::kInternal);
  EXPECT_EQ(read_bytes(file("file")), "kept");
  EXPECT_EQ(files_->create_private(link_to(file("nowhere"))).code(), Code::kInternal);
  EXPECT_FALSE(std::filesystem::exists(file("nowhere")));
  EXPECT_EQ(files_->create_private(file("missing/x")).code(), Code::kNotFound);
}

TEST_F(KernelFiles, PublishGivesTheNameInOneStep) {
  write_bytes(file("draft"), "new");
  ASSERT_TRUE(files_->publish(file("draft"), file("name")).ok());
  EXPECT_EQ(directory_.names(), (std::vector<std::string>{"name"}));
  EXPECT_EQ(read_bytes(file("name")), "new");
}

TEST_F(KernelFiles, PublishTakesNobodysName) {
  write_bytes(file("draft"), "new");
  write_bytes(file("name"), "kept");
  EXPECT_EQ(*files_->publish(file("draft"), file("name")), Publication::kNameTaken);
  EXPECT_EQ(*files_->publish(file("draft"), link_to(file("nowhere"))), Publication::kNameTaken);
  EXPECT_EQ(read_bytes(file("name")), "kept");
  EXPECT_EQ(read_bytes(file("draft")), "new");
  EXPECT_EQ(files_->publish(file("missing"), file("other")).status().code(), Code::kNotFound);
}

TEST_F(KernelFiles, RemoveTheLinkAndNotWhatIsBehindIt) {
  write_bytes(file("file"), "kept");
  files_->remove(link_to(file("file")));
  files_->remove(file("missing"));
  EXPECT_EQ(directory_.names(), (std::vector<std::string>{"file"}));
}

TEST_F(KernelFiles, SyncTheDirectoryOfAName) {
  EXPECT_EQ(files_->sync_directory(file("whatever")), absl::OkStatus());
  EXPECT_EQ(files_->sync_directory(file("missing/x")).code(), Code::kNotFound);
  write_bytes(file("file"), "x");
  EXPECT_EQ(files_->sync_directory(file("file/x")).code(), Code::kNotFound);
  EXPECT_EQ(files_->sync_directory("/x"), absl::OkStatus());
}

TEST_F(KernelFiles, OpenALogThatNoExecInheritsAndThatCanBeSynced) {
  write_bytes(file("log"), "x");
  const absl::StatusOr<int> fd = files_->open_log(file("log"));
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(::fcntl(*fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fdatasync(*fd), 0);
  files_->close_log(*fd);
  EXPECT_EQ(::fcntl(*fd, F_GETFD), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(KernelFiles, OpenNoLogThatIsMissingOrALink) {
  EXPECT_EQ(files_->open_log(file("missing")).status().code(), Code::kNotFound);
  write_bytes(file("log"), "x");
  EXPECT_EQ(files_->open_log(link_to(file("log"))).status().code(), Code::kInvalidArgument);
}

TEST_F(KernelFiles, CreateAFileOfOurOwnOnce) {
  for (const FileCaching caching : {FileCaching::kCached, FileCaching::kDirect}) {
    const absl::StatusOr<int> fd = files_->create_file(file("log-1"), caching);
    if (absl::IsUnimplemented(fd.status())) continue;  // no direct I/O in this directory
    ASSERT_TRUE(fd.ok()) << fd.status();
    EXPECT_EQ(::fcntl(*fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ((::fcntl(*fd, F_GETFL) & O_DIRECT) != 0, caching == FileCaching::kDirect);
    EXPECT_EQ(mode_of(file("log-1")), 0600u);
    EXPECT_EQ(files_->data_sync(*fd), 0);
    files_->close_file(*fd);
    EXPECT_EQ(files_->create_file(file("log-1"), caching).status().code(), Code::kInternal) << "it is there";
    files_->remove(file("log-1"));
  }
  EXPECT_EQ(files_->create_file(link_to(file("nowhere")), FileCaching::kCached).status().code(), Code::kInternal);
  EXPECT_FALSE(std::filesystem::exists(file("nowhere")));
  EXPECT_EQ(files_->create_file(file("missing/x"), FileCaching::kCached).status().code(), Code::kNotFound);
  EXPECT_EQ(files_->data_sync(-1), EBADF);
}

TEST_F(KernelFiles, ReadAsMuchAsThereIs) {
  write_bytes(file("log"), "0123456789");
  const absl::StatusOr<int> fd = files_->open_file(file("log"));
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(::fcntl(*fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  std::array<std::byte, 6> to{};
  EXPECT_EQ(*files_->read(*fd, 2, to), 6u);
  EXPECT_EQ(static_cast<char>(to[0]), '2');
  EXPECT_EQ(*files_->read(*fd, 8, to), 2u);
  EXPECT_EQ(*files_->read(*fd, 10, to), 0u);
  files_->close_file(*fd);
  EXPECT_EQ(files_->read(-1, 0, to).status().code(), Code::kInternal);
  EXPECT_EQ(files_->open_file(file("missing")).status().code(), Code::kNotFound);
  EXPECT_EQ(files_->open_file(link_to(file("log"))).status().code(), Code::kInvalidArgument);
}

TEST_F(KernelFiles, OpenADirectoryForItsSync) {
  const absl::StatusOr<int> fd = files_->open_directory_of(file("whatever"));
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(::fsync(*fd), 0);
  files_->close_file(*fd);
  EXPECT_EQ(files_->open_directory_of(file("missing/x")).status().code(), Code::kNotFound);
}

TEST_F(KernelFiles, ListWhatBeginsWithAName) {
  for (const char* name : {"db", "db-log-1", "db-log-22", "db-logs", "other-log-1"}) write_bytes(file(name), "x");
  absl::StatusOr<std::vector<std::string>> paths = files_->list(file("db-log-"));
  ASSERT_TRUE(paths.ok()) << paths.status();
  std::sort(paths->begin(), paths->end());
  EXPECT_EQ(*paths, (std::vector<std::string>{file("db-log-1"), file("db-log-22")}));
  EXPECT_EQ(files_->list(file("missing/x")).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace dictsqlite::io
