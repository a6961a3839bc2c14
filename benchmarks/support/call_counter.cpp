#include "support/call_counter.hpp"

#include "support/check.hpp"

#include <absl/strings/str_cat.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

constexpr int kSystemCallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

[[noreturn]] void die_of_errno(std::string_view what) { die(what, std::generic_category().message(errno)); }

// Sends this thread a signal that the tracer swallows. Three system calls, which the tracer leaves out.
void mark() { ::syscall(SYS_tgkill, ::syscall(SYS_getpid), ::syscall(SYS_gettid), SIGSTOP); }
constexpr std::array<long, 3> kCallsOfMark = {SYS_tgkill, SYS_getpid, SYS_gettid};

[[noreturn]] void run_child(const std::function<void(void (*mark)())>& work) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) die_of_errno("ptrace");
  ::raise(SIGSTOP);  // the tracer says what it wants to be told
  work(&mark);
  std::_Exit(0);
}

class Tracer {
 public:
  Tracer(pid_t child, CallsOf whose) noexcept : child_(child), whose_(whose) {}

  CallCounts run() {
    begin();
    for (;;) {
      int status = 0;
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) die_of_errno("waitpid");
      if (WIFSTOPPED(status)) {
        go_on(thread, handle(thread, status));
      } else if (thread == child_) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("the traced process", "failed");
        break;
      }
    }
    for (const long call : kCallsOfMark) {
      counts_[call] -= stretches_;
      if (counts_[call] == 0) counts_.erase(call);
    }
    return std::move(counts_);
  }

 private:
  void begin() const {
    int status = 0;
    if (::waitpid(child_, &status, __WALL) != child_) die_of_errno("waitpid");
    if (!WIFSTOPPED(status)) die("the traced process", "failed");
    const long threads = whose_ == CallsOf::kAllThreads ? PTRACE_O_TRACECLONE : 0;
    if (::ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | threads) != 0) {
      die_of_errno("ptrace");
    }
    go_on(child_, 0);
  }

  // Returns the signal to deliver.
  int handle(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    if (signal == kSystemCallStop) {
      if (counting_) count(thread);
      return 0;
    }
    if (status >> 16 != 0) return 0;  // it has made a thread
    if (signal != SIGSTOP) return signal;
    if (thread != child_) return 0;  // a thread's first stop
    counting_ = !counting_;
    if (!counting_) ++stretches_;
    return 0;
  }

  void count(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info, &info) < 0) {
      die_of_errno("ptrace");
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const auto number = static_cast<long>(info.entry.nr);
    ++counts_[number == SYS_write && is_eventfd(info.entry.args[0]) ? kWriteToEventfd : number];
  }
  [[nodiscard]] bool is_eventfd(std::uint64_t descriptor) const {
    std::error_code error;
    const std::string link = absl::StrCat("/proc/", child_, "/fd/", descriptor);
    return std::filesystem::read_symlink(link, error) == "anon_inode:[eventfd]";
  }

  void go_on(pid_t thread, int signal) const {
    const bool stops_at_calls = counting_ || whose_ == CallsOf::kAllThreads;
    // It may have been ended by its process.
    if (::ptrace(stops_at_calls ? PTRACE_SYSCALL : PTRACE_CONT, thread, nullptr, signal) != 0 && errno != ESRCH) {
      die_of_errno("ptrace");
    }
  }

  const pid_t child_;
  const CallsOf whose_;
  CallCounts counts_;
  std::uint64_t stretches_ = 0;
  bool counting_ = false;
};

std::string name_of(long number) {
  switch (number) {
    case kWriteToEventfd:
      return "write to an eventfd";
    case SYS_write:
      return "write";
    case SYS_read:
      return "read";
    case SYS_pread64:
      return "pread";
    case SYS_pwrite64:
      return "pwrite";
    case SYS_fdatasync:
      return "fdatasync";
    case SYS_fcntl:
      return "fcntl";
    case SYS_mincore:
      return "mincore";
    case SYS_futex:
      return "futex";
    case SYS_mmap:
      return "mmap";
    case SYS_munmap:
      return "munmap";
    case SYS_madvise:
      return "madvise";
    case SYS_brk:
      return "brk";
    case SYS_sched_yield:
      return "sched_yield";
    case SYS_nanosleep:
      return "nanosleep";
    case SYS_clock_nanosleep:
      return "clock_nanosleep";
    case SYS_io_uring_enter:
      return "io_uring_enter";
    case SYS_membarrier:
      return "membarrier";
    case SYS_getrusage:
      return "getrusage";
    default:
      return absl::StrCat("number ", number);
  }
}

}  // namespace

CallCounts count_system_calls(const std::function<void(void (*mark)())>& work, CallsOf whose) {
  const pid_t child = ::fork();
  if (child < 0) die_of_errno("fork");
  if (child == 0) run_child(work);
  return Tracer(child, whose).run();
}

std::string describe(const CallCounts& counts) {
  std::string text;
  for (const auto& [number, count] : counts) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name_of(number), " ", count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace dictsqlite::bench
