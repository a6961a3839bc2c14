// What the figures were measured on.
#pragma once

#include <string>

namespace dictsqlite::bench {

/// Kernel, processor, memory, compiler, build, SQLite, in one line.
[[nodiscard]] std::string describe_machine();

}  // namespace dictsqlite::bench
