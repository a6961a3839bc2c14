#include "support/check.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace dictsqlite::bench {

void die(std::string_view what, std::string_view why) noexcept {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %.*s: %.*s\n", program_invocation_short_name, static_cast<int>(what.size()), what.data(),
               static_cast<int>(why.size()), why.data());
  std::_Exit(1);  // other threads may be in the middle of anything
}

}  // namespace dictsqlite::bench
