#include "support/machine.hpp"

#include <absl/strings/str_cat.h>

#include <cstdio>
#include <string_view>
#include <thread>

#include <sqlite3.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

std::string processor_name() {
  std::FILE* file = std::fopen("/proc/cpuinfo", "re");
  if (file == nullptr) return "unknown processor";
  std::string name = "unknown processor";
  char line[512];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    char found[256];
    if (std::sscanf(line, "model name : %255[^\n]", found) == 1) {
      name = found;
      break;
    }
  }
  std::fclose(file);
  return name;
}

constexpr std::string_view compiler() noexcept {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

constexpr std::string_view optimisation() noexcept {
#if defined(__OPTIMIZE__)
  return "optimised";
#else
  return "NOT OPTIMISED";
#endif
}

}  // namespace

std::string describe_machine() {
  utsname system{};
  ::uname(&system);
  const long gib = ::sysconf(_SC_PHYS_PAGES) / (1024L * 1024 / ::sysconf(_SC_PAGESIZE)) / 1024;
  return absl::StrCat(system.sysname, " ", system.release, ", ", std::thread::hardware_concurrency(), " x ",
                      processor_name(), ", ", gib, " GiB; ", std::string(compiler()), ", ", std::string(optimisation()),
                      "; SQLite ", sqlite3_libversion());
}

}  // namespace dictsqlite::bench
