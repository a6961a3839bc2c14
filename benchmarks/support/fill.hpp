// fill(): puts rows into a database through the library.
#pragma once

#include "support/rows.hpp"

#include <dictsqlite/database.hpp>
#include <dictsqlite/task.hpp>

#include <cstddef>
#include <cstdint>

namespace dictsqlite::bench {

/// Sets every key, one after the other, then flushes. The value of keys[i] is values[first_value + i].
[[nodiscard]] Task<void> fill(Database& database, const Keys& keys, const Values& values,
                              std::uint64_t first_value = 0);

}  // namespace dictsqlite::bench
