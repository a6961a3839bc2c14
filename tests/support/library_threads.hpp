// The library's threads of this process, by their names.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace dictsqlite::testing_support {

inline std::vector<std::string> library_threads() {
  std::vector<std::string> names;
  std::error_code ended;  // a thread may go while it is looked at
  for (std::filesystem::directory_iterator task("/proc/self/task", ended), end; task != end; task.increment(ended)) {
    std::string name;
    std::ifstream(task->path() / "comm") >> name;
    if (name.starts_with("dictsql")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The same, once they are `expected`, or after many looks: a thread names itself, and stays in sight for a moment
/// after it was joined.
inline std::vector<std::string> library_threads_soon(const std::vector<std::string>& expected) {
  for (int look = 0; look < 20'000 && library_threads() != expected; ++look) std::this_thread::yield();
  return library_threads();
}

}  // namespace dictsqlite::testing_support
