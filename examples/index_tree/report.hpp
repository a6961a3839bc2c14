// What the program prints about a run.
#pragma once

#include "index_tree/crash.hpp"
#include "index_tree/files.hpp"
#include "index_tree/passes.hpp"

#include <dictsqlite/stats.hpp>

#include <cstdint>
#include <string>

namespace index_tree {

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// Bytes as megabytes with one digit behind the point.
[[nodiscard]] std::string megabytes(std::uint64_t bytes);

/// The first act: what was written and read, by whom, how fast.
struct FirstAct {
  WritePass write;
  double settle_seconds = 0;  // flush and close, after everything was durable
  Pass one_by_one;
  Pass in_batches;
  dictsqlite::Stats write_stats;  // before the close
  dictsqlite::Stats one_by_one_stats;
  dictsqlite::Stats in_batches_stats;
  std::string database;
  std::uint64_t database_bytes = 0;
};

void print_input(const std::string& directory, const Tree& tree, std::size_t coroutines);
void print_first_act(const FirstAct& act);
void print_look(const std::string& database);

/// One or two sentences: what was promised when the process was killed, and what was there afterwards.
void print_second_act(const KillResult& result);

}  // namespace index_tree
