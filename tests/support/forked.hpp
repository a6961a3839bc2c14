// in_fork(): a part of a test in a process of its own, which may lose its rights, its memory or its life.
#pragma once

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::testing_support {

/// Runs `body` in a copy of this process, while this thread is the only one. Returns its sentence, "" if it has none to
/// say; how the process ended, if that was not by itself; or that it hangs, after `seconds`, which end it.
inline std::string in_fork(const std::function<std::string()>& body, unsigned seconds = 120) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(seconds);
    const std::string sentence = body();
    const ssize_t written = ::write(ends[1], sentence.data(), sentence.size());
    ::_exit(written == static_cast<ssize_t>(sentence.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string sentence;
  char chunk[512];
  for (ssize_t got = 0; (got = ::read(ends[0], chunk, sizeof chunk)) > 0;) {
    sentence.append(chunk, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = -1;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "it hangs";
  if (status != 0) return sentence + " (the process ended with status " + std::to_string(status) + ")";
  return sentence;
}

}  // namespace dictsqlite::testing_support
