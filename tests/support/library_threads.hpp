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

/// One of them that is about to end may have no name that could be read for a moment, and have it again in the next: it
/// is "?", so that no look takes it for gone.
inline std::vector<std::string> library_threads() {
  std::vector<std::string> names;
  std::error_code ended;  // a thread may go while it is looked at
  for (std::filesystem::directory_iterator task("/proc/self/task", ended), end; task != end; task.increment(ended)) {
    std::string name;
    if (!(std::ifstream(task->path() / "comm") >> name)) name = "?";
    if (name == "?" || name.starts_with("dictsql")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The same, once they are `expected`, or after many looks: a thread names itself, and stays in sight for a moment
/// after it was joined.
inline std::vector<std::string> library_threads_soon(const std::vector<std::string>& expected) {
  std::vector<std::string> names = library_threads();
  for (int look = 0; look < 20'000 && names != expected; ++look) {
    std::this_thread::yield();
    names = library_threads();
  }
  return names;
}

}  // namespace dictsqlite::testing_support
