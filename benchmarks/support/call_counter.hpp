// Which system calls a thread makes, or a process: counted from outside, by a parent process that traces it with
// ptrace, so that nothing in it has to be changed and no tool has to be installed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace dictsqlite::bench {

/// Number of calls by system call number.
using CallCounts = std::map<long, std::uint64_t>;
/// Stands for a write to an eventfd, which is counted by itself.
inline constexpr long kWriteToEventfd = -1;

/// Whose calls are counted. Of all threads: every call stops its thread for some microseconds, outside the stretches as
/// well. What the kernel's own threads do, for io_uring say, is no call.
enum class CallsOf : std::uint8_t { kFirstThread, kAllThreads };

/// Runs `work` in a child process. `work` gets a function to call, on the child's first thread, at the begin and at
/// the end of each stretch that is to be counted. With kFirstThread the child runs at full speed outside of them. Dies
/// if the child fails or may not be traced. Before this process starts threads.
[[nodiscard]] CallCounts count_system_calls(const std::function<void(void (*mark)())>& work,
                                            CallsOf whose = CallsOf::kFirstThread);

/// "write 12, futex 3", or "none".
[[nodiscard]] std::string describe(const CallCounts& counts);

}  // namespace dictsqlite::bench
