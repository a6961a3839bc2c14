// Which system calls one thread makes: counted from outside, by a parent process that traces it with ptrace, so that
// nothing in the thread has to be changed and no tool has to be installed.
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

/// Runs `work` in a child process. `work` gets a function to call, on the child's first thread, at the begin and at
/// the end of each stretch that is to be counted; of other threads nothing is counted. Outside the stretches the
/// child runs at full speed. Dies if the child fails or may not be traced. Before this process starts threads.
[[nodiscard]] CallCounts count_system_calls(const std::function<void(void (*mark)())>& work);

/// "write 12, futex 3", or "none".
[[nodiscard]] std::string describe(const CallCounts& counts);

}  // namespace dictsqlite::bench
