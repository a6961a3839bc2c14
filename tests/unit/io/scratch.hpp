// What the tests of this directory share: a file without a name, and a child process with something taken away.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

namespace dictsqlite::io {

/// Thread-safety: none. Ownership: the descriptor; the file is gone with it.
class UnnamedFile {
 public:
  explicit UnnamedFile(const std::string& directory = testing::TempDir()) {
    std::string path = directory + "/dictsqlite-io-XXXXXX";
    fd_ = mkostemp(path.data(), O_CLOEXEC);
    EXPECT_GE(fd_, 0) << path;
    unlink(path.c_str());
  }
  ~UnnamedFile() { close(fd_); }
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::string read(std::size_t bytes, off_t offset = 0) const {
    std::string content(bytes, '\0');
    const ssize_t got = pread(fd_, content.data(), bytes, offset);
    content.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return content;
  }

 private:
  int fd_ = -1;
};

/// Lets the given system calls fail with `error` in this process and its threads, for ever. Call it in a child.
inline void refuse_system_calls(std::initializer_list<int> calls, int error) {
  std::vector<sock_filter> program;
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const int call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::abort();
  }
}

/// Lowers a resource limit of this process. Call it in a child.
inline void lower_limit(decltype(RLIMIT_NOFILE) resource, rlim_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) {
    std::abort();
  }
  limit.rlim_cur = value;
  if (setrlimit(resource, &limit) != 0) {
    std::abort();
  }
}

/// Runs `scene` in a forked child and returns the text that it returned there; a failed child is a test failure.
template <class Scene>
std::string told_by_child(Scene scene) {
  int channel[2];
  EXPECT_EQ(pipe(channel), 0);
  std::fflush(stdout);  // or the child may print it again
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = scene();
    const bool told = write(channel[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(told ? 0 : 1);
  }
  close(channel[1]);
  std::string text;
  char piece[256];
  for (ssize_t got = 0; (got = read(channel[0], piece, sizeof(piece))) > 0;) {
    text.append(piece, static_cast<std::size_t>(got));
  }
  close(channel[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child status " << status;
  return text;
}

}  // namespace dictsqlite::io
