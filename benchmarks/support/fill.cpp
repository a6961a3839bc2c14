#include "support/fill.hpp"

#include "support/check.hpp"

namespace dictsqlite::bench {

Task<void> fill(Database& database, const Keys& keys, const Values& values, std::uint64_t first_value) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    must(co_await database.set_async(keys[i], values[first_value + i]), "set");
  }
  must(co_await database.flush_async(), "flush");
}

}  // namespace dictsqlite::bench
