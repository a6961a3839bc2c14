// How do rate and latency change with the number of clients, and the cost of a read with the number of rows?
//
// Durable sets of random keys of a million, by 1 to 1,024 clients: coroutines, threads, or one pipeline of as many.
// Then gets of random keys, of 10^4 to 10^7 rows, with memory for all of them. What is measured is drawn by plots.py.

#include "peers/blocking_store.hpp"
#include "peers/one_thing.hpp"
#include "support/arguments.hpp"
#include "support/report.hpp"

#include <absl/strings/str_cat.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "sweep_bench";
constexpr std::array<std::size_t, 6> kClients = {1, 4, 16, 64, 256, 1024};
constexpr std::array<std::size_t, 4> kRows = {10'000, 100'000, 1'000'000, 10'000'000};
constexpr std::size_t kRowsOfClients = 1'000'000;

std::chrono::milliseconds seconds_of(const Arguments& arguments, double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * arguments.scale * 1e3));
}

void run_clients(const Arguments& arguments, Report& report, std::size_t clients) {
  const std::string what = absl::StrCat("durable sets, ", clients, " clients");
  Plan plan{.work = Work::kDurableSets,
            .rows = arguments.scaled(kRowsOfClients),
            .time = seconds_of(arguments, 5),
            .clients = clients};
  InTurn in_turn;
  in_turn.add_library(what, plan);
  for (const Peer& peer : {kRocksDb, kLevelDb}) in_turn.add(what, plan, peer);
  plan.clients_are = Clients::kPipelined;
  in_turn.add(what, plan, kRedis);
  const auto& contenders = in_turn.run(arguments.repeats_or(3));
  for (const auto& contender : contenders) report.rates(contender, "rows");
  for (const auto& contender : contenders) report.latencies(contender);
}

void run_rows(const Arguments& arguments, Report& report, std::size_t rows) {
  const std::string what = absl::StrCat("gets, ", rows, " rows");
  const Plan plan{.work = Work::kGets, .rows = arguments.scaled(rows), .time = seconds_of(arguments, 2)};
  InTurn in_turn;
  in_turn.add_library(what, plan);
  for (const Peer& peer : {kLmdb, kRocksDb, kLevelDb, kSqlite}) in_turn.add(what, plan, peer);
  for (const auto& contender : in_turn.run(arguments.repeats_or(3))) report.rates(contender, "rows");
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "durable sets by many clients, and reads as data grows");
  for (const std::size_t clients : kClients) {
    if (arguments.wants(kProgram, absl::StrCat("clients ", clients))) run_clients(arguments, report, clients);
  }
  for (const std::size_t rows : kRows) {
    if (arguments.wants(kProgram, absl::StrCat("rows ", rows))) run_rows(arguments, report, rows);
  }
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  bench::run(bench::parse_arguments(argc, argv, "Durable sets by many clients, and reads as data grows."));
}
