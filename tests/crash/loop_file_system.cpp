#include "crash/loop_file_system.hpp"

#include "support/temporary_directory.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace dictsqlite::kill_loop {

namespace {

constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);  // not in the kernel's public headers

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const std::string& path, int flags, mode_t mode = 0) { open(path, flags, mode); }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void open(const std::string& path, int flags, mode_t mode = 0) {
    close();
    fd_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  void close() const {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd_ = -1;
};

const std::string kMkfs = "/usr/sbin/mkfs.ext4";
const std::string kFsck = "/usr/sbin/fsck.ext4";

// Runs a program without a word. Its exit status, or -1 if it did not come to that.
int run(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  }
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv.front(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  while (error == 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return error == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// A free loop device, bound to the image. It is given back by its last user: `loop`, until there is a mount. Other
// processes want free ones, too.
std::string bind_loop_device(const std::string& image, std::string& device, Descriptor& loop) {
  const Descriptor control("/dev/loop-control", O_RDWR);
  if (control.get() < 0) return failed("opening /dev/loop-control");
  const Descriptor file(image, O_RDWR);
  if (file.get() < 0) return failed("opening the image");
  constexpr int kTriesMax = 100;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return failed("asking for a loop device");
    device = "/dev/loop" + std::to_string(number);
    loop.open(device, O_RDWR);
    if (loop.get() < 0) return failed("opening " + device);
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0) {
      if (errno == EBUSY) continue;
      return failed("binding " + device);
    }
    return "";
  }
  return "no loop device is free for long enough";
}

}  // namespace

std::string own_mounts() {
  if (::geteuid() != 0) return "only root may mount";
  if (::unshare(CLONE_NEWNS) != 0) return failed("a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("private mounts");
  return "";
}

LoopFileSystem::LoopFileSystem(std::string image, std::string mount_point, Errors errors)
    : image_(std::move(image)), mount_point_(std::move(mount_point)), errors_(errors) {}

LoopFileSystem::~LoopFileSystem() {
  if (mounted_) ::umount2(mount_point_.c_str(), MNT_DETACH);
  unlimit_requests();
}

// Linux (6.18 at least) takes a request for done of which the loop device could write only the beginning, and the sync
// that waits for it returns 0. One page is written or not. The limit is the device's, which others use later.
std::string LoopFileSystem::limit_requests(const std::string& device) {
  const std::string path = "/sys/block" + device.substr(device.rfind('/')) + "/queue/max_sectors_kb";
  std::ifstream(path) >> limit_before_;
  if (!(std::ofstream(path) << "4\n" << std::flush)) return failed("writing to " + path);
  limit_path_ = path;
  return "";
}

void LoopFileSystem::unlimit_requests() {
  if (!limit_path_.empty()) std::ofstream(std::exchange(limit_path_, "")) << limit_before_ << '\n';
}

std::string LoopFileSystem::make(std::uint64_t bytes) {
  {
    const Descriptor file(image_, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return failed("making " + image_);
  }
  // Tables and journal are written in full, so that only data makes the image grow.
  const int status = run({kMkfs, "-qF", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", image_});
  return status == 0 ? mount() : kMkfs + " ended with status " + std::to_string(status);
}

std::string LoopFileSystem::mount() {
  std::string device;
  Descriptor loop;
  std::string wrong = bind_loop_device(image_, device, loop);
  if (wrong.empty() && errors_ == Errors::kHonest) wrong = limit_requests(device);
  if (!wrong.empty()) return wrong;
  // Buffered writes into unwritten extents are another way to lose pages without a word.
  const char* const options = errors_ == Errors::kHonest ? "dioread_lock" : nullptr;
  if (::mount(device.c_str(), mount_point_.c_str(), "ext4", 0, options) != 0) return failed("mounting " + device);
  mounted_ = true;
  return "";
}

std::string LoopFileSystem::unmount() {
  constexpr std::chrono::seconds kWaitMax{20};
  const auto deadline = std::chrono::steady_clock::now() + kWaitMax;
  while (::umount2(mount_point_.c_str(), 0) != 0) {
    if (errno != EBUSY || std::chrono::steady_clock::now() > deadline) return failed("unmounting");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // an ended ring gives its files back a little later
  }
  mounted_ = false;
  unlimit_requests();
  return "";
}

std::string LoopFileSystem::repair() {
  constexpr int kCorrected = 1;
  const int status = run({kFsck, "-fy", image_});
  return status == 0 || status == kCorrected ? "" : kFsck + " ended with status " + std::to_string(status);
}

std::string LoopFileSystem::lose_power(PowerLoss loss) {
  const Descriptor directory(mount_point_, O_RDONLY | O_DIRECTORY);
  if (directory.get() < 0) return failed("opening the mount point");
  auto flags = static_cast<std::uint32_t>(loss);
  return ::ioctl(directory.get(), kExt4Shutdown, &flags) == 0 ? "" : failed("EXT4_IOC_SHUTDOWN");
}

std::string LoopFileSystem::trim() {
  const Descriptor directory(mount_point_, O_RDONLY | O_DIRECTORY);
  fstrim_range range{0, std::numeric_limits<std::uint64_t>::max(), 0};
  return directory.get() >= 0 && ::ioctl(directory.get(), FITRIM, &range) == 0 ? "" : failed("FITRIM");
}

std::string why_no_loop_file_system() {
  std::string why = own_mounts();
  if (!why.empty()) return why;
  if (::access(kMkfs.c_str(), X_OK) != 0 || ::access(kFsck.c_str(), X_OK) != 0)
    return "there is no mkfs or fsck of ext4";
  const testing_support::TemporaryDirectory directory;
  const std::string image = directory.file("image");
  const Descriptor file(image, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (file.get() < 0 || ::ftruncate(file.get(), 1 << 20) != 0) return failed("making " + image);
  std::string device;
  Descriptor loop;
  return bind_loop_device(image, device, loop);
}

}  // namespace dictsqlite::kill_loop
