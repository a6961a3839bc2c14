#include "support/remote.hpp"

#include "support/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <type_traits>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

constexpr std::uint32_t kFootprint = ~std::uint32_t{0};
constexpr std::uint32_t kEnd = kFootprint - 1;  // those forked later hold the pipe open, too: it does not end by itself

// False at the end of the pipe.
template <class T>
bool receive(int from, T& object) {
  static_assert(std::is_trivially_copyable_v<T>);
  auto* bytes = reinterpret_cast<char*>(&object);
  for (std::size_t done = 0; done < sizeof(T);) {
    const ssize_t got = ::read(from, bytes + done, sizeof(T) - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}
template <class T>
bool send(int to, const T& object) {
  static_assert(std::is_trivially_copyable_v<T>);
  return ::write(to, &object, sizeof(T)) == static_cast<ssize_t>(sizeof(T));  // shorter than what a pipe takes at once
}

[[noreturn]] void serve(const std::function<std::unique_ptr<Subject>()>& make, int commands, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  {
    const std::unique_ptr<Subject> subject = make();
    bool goes_on = send(answers, true);
    for (std::uint32_t work = 0; goes_on && receive(commands, work) && work != kEnd;) {
      goes_on = work == kFootprint ? send(answers, subject->footprint()) : send(answers, subject->run(work));
    }
  }
  std::_Exit(0);
}

}  // namespace

Remote::Remote(const std::function<std::unique_ptr<Subject>()>& make) {
  int commands[2];
  int answers[2];
  if (::pipe(commands) != 0 || ::pipe(answers) != 0) die("pipe", "none");
  process_ = ::fork();
  if (process_ < 0) die("fork", "no process");
  if (process_ == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    serve(make, commands[0], answers[1]);
  }
  ::close(commands[0]);
  ::close(answers[1]);
  commands_ = commands[1];
  answers_ = answers[0];
  bool is_made = false;
  if (!receive(answers_, is_made)) die("a contender", "its process has ended");
}

Remote::~Remote() {
  (void)send(commands_, kEnd);
  ::close(commands_);
  ::close(answers_);
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
}

Sample Remote::run(std::uint32_t work) {
  Sample sample;
  if (!send(commands_, work) || !receive(answers_, sample)) die("a contender", "its process has ended");
  return sample;
}

Footprint Remote::footprint() {
  Footprint footprint;
  if (!send(commands_, kFootprint) || !receive(answers_, footprint)) die("a contender", "its process has ended");
  return footprint;
}

}  // namespace dictsqlite::bench
