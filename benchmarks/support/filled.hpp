// Databases that have their rows already, each in the page size that suits its transactions.
#pragma once

#include "support/check.hpp"
#include "support/fill.hpp"
#include "support/plain_sqlite.hpp"
#include "support/rows.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::bench {

/// Large transactions of sorted rows, as they come behind a log, want large pages; small groups want small ones.
inline constexpr std::uint32_t kLargePages = 16'384;
inline constexpr std::uint32_t kSmallPages = 4096;

[[nodiscard]] inline Database open_filled(Options options, const Keys& keys, const Values& values) {
  Database database = must(Database::open(std::move(options)), "open");
  sync_wait(fill(database, keys, values));
  return database;
}

/// Memory for what is logged and not in SQLite yet: the more of it, the more rows a transaction has and a page gets.
inline constexpr std::size_t kUnappliedBytes = 256u << 20;

/// With a log, or without.
[[nodiscard]] inline Options options_for(std::string path, Journal journal) {
  Options options;
  options.path = std::move(path);
  options.journal = journal;
  options.page_bytes = journal == Journal::kOn ? kLargePages : kSmallPages;
  if (journal == Journal::kOn) options.unapplied_bytes = kUnappliedBytes;
  return options;
}
/// As behind a log, but without one: large transactions, as fast as SQLite takes them.
[[nodiscard]] inline Options options_for_the_applier(std::string path) {
  Options options = options_for(std::move(path), Journal::kOff);
  options.page_bytes = kLargePages;
  options.unapplied_bytes = kUnappliedBytes;
  options.persist_mode = PersistMode::kLazy;
  return options;
}

inline void fill_plain(PlainSqlite& plain, const Keys& keys, const Values& values) {
  plain.begin();
  for (std::size_t i = 0; i < keys.size(); ++i) plain.upsert(keys[i], values[i]);
  plain.commit();
  plain.checkpoint();
}

}  // namespace dictsqlite::bench
