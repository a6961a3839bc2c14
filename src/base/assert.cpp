#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace dictsqlite::base {

void assertion_failed(const char* expression, const char* sentence, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s (%s)\n", file, line, expression, sentence);
  std::fflush(stderr);
  std::abort();
}

}  // namespace dictsqlite::base
