#include "crash/child_process.hpp"

#include "crash/kill_loop_report.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace dictsqlite::kill_loop {

ChildProcess::ChildProcess(const ChildPlan& plan) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  reports_ = ends[0];
  std::string program = "kill_loop";
  std::string argument = kChildArgument;
  std::string words = to_words(plan);
  char* argv[] = {program.data(), argument.data(), words.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], kReportFd);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv, environ) != 0) pid_ = -1;
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
}

ChildProcess::~ChildProcess() {
  kill();
  if (pid_ > 0) (void)wait();
  if (reports_ >= 0) ::close(reports_);
}

bool ChildProcess::read(void* to, std::size_t size) {
  while (buffered_.size() - used_ < size) {
    buffered_.erase(0, used_);
    used_ = 0;
    if (!await_report()) return false;
    char chunk[4096];
    const ssize_t count = ::read(reports_, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffered_.append(chunk, static_cast<std::size_t>(count));
    received_ += static_cast<std::uint64_t>(count);
  }
  std::memcpy(to, buffered_.data() + used_, size);
  used_ += size;
  return true;
}

bool ChildProcess::read(std::string& to, std::size_t size) {
  to.resize(size);
  return read(to.data(), size);
}

std::uint64_t ChildProcess::sent() const {
  int waiting = 0;
  ::ioctl(reports_, FIONREAD, &waiting);
  return received_ + static_cast<std::uint64_t>(waiting);
}

void ChildProcess::kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

int ChildProcess::wait() {
  int status = -1;
  while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

bool ChildProcess::await_report() {
  constexpr int kSilenceMaxMs = 60'000;  // longer than anything takes on a busy machine
  pollfd reports{reports_, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&reports, 1, kSilenceMaxMs);
  } while (ready < 0 && errno == EINTR);
  hung_ = ready == 0;
  return ready > 0;
}

}  // namespace dictsqlite::kill_loop
