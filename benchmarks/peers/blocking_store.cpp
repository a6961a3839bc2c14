#include "peers/blocking_store.hpp"

#include "support/check.hpp"

namespace dictsqlite::bench {

void BlockingStore::put_each(std::span<const StoreRow> /*rows*/) { die("put_each", "a client is a thread here"); }

std::size_t BlockingStore::get_all(std::span<const std::string_view> keys) {
  std::string value;
  std::size_t there = 0;
  for (const std::string_view key : keys) there += get(key, value) ? 1u : 0u;
  return there;
}

}  // namespace dictsqlite::bench
