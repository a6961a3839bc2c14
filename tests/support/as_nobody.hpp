// as_nobody(): what a test of permissions needs where it runs as root, for whom everything is permitted.
#pragma once

#include <functional>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::testing_support {

/// Runs `body` in a process without the rights of root and returns its result, which must fit a byte; -1 if it ended
/// otherwise, 99 if it could not give up the rights. While the calling thread is the only one.
inline int as_nobody(const std::function<int()>& body) {
  constexpr unsigned kNobody = 65534;
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace dictsqlite::testing_support
