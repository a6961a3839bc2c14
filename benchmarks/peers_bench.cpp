// How fast is one thing at a time, against what its users would pick instead? Reads of what is in memory; a burst of
// writes that is then made proof against a power cut; single writes of which each is, by one client and by 64.
//
// A million rows. Each contender lives in a process of its own, and all of them take turns. Every one has memory for
// all rows, and for all writes of a burst that are in its log only, where it lets one choose.

#include "peers/blocking_store.hpp"
#include "peers/one_thing.hpp"
#include "support/arguments.hpp"
#include "support/report.hpp"
#include "support/statistics.hpp"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "peers_bench";
constexpr std::size_t kRows = 1'000'000;

// --- who is compared at what ---

struct Opponent {
  Peer peer;
  double bar;  // how many times its rate
};

struct Case {
  std::string_view name;
  Work work;
  std::size_t clients;
  double seconds;
  std::vector<Opponent> opponents;
};

std::vector<Case> cases() {
  return {
      {"warm gets", Work::kGets, 1, 2, {{kLmdb, 5}, {kRedis, 8}, {kLevelDb, 15}, {kRocksDb, 25}, {kSqlite, 1}}},
      {"burst and sync", Work::kBurst, 1, 0, {{kLevelDb, 3}, {kRocksDb, 6}}},
      {"durable sets, 1 client",
       Work::kDurableSets,
       1,
       5,
       {{kRocksDb, 1}, {kLevelDb, 1}, {kLmdb, 1}, {kSqlite, 1}, {kRedis, 1}}},
      {"durable sets, 64 clients", Work::kDurableSets, 64, 30, {{kRedis, 2.5}}},
  };
}

void compare(const Arguments& arguments, Report& report, const Case& each) {
  const Plan plan{.work = each.work,
                  .rows = arguments.scaled(kRows),
                  .time = std::chrono::milliseconds(static_cast<std::int64_t>(each.seconds * arguments.scale * 1e3)),
                  .clients = each.clients,
                  .clients_are = Clients::kPipelined};
  InTurn in_turn;
  in_turn.add_library(each.name, plan);
  for (const Opponent& opponent : each.opponents) in_turn.add(each.name, plan, opponent.peer);
  const auto& contenders = in_turn.run(arguments.repeats_or(5));
  for (const auto& contender : contenders) report.rates(contender, "rows");
  if (each.work == Work::kDurableSets) {
    for (const auto& contender : contenders) report.latencies(contender);
  }
  for (std::size_t index = 0; index < each.opponents.size(); ++index) {
    const Opponent& opponent = each.opponents[index];
    report.bar(absl::StrCat(std::string(each.name), " against ", opponent.peer.name),
               ratios(contenders[0].rates(), contenders[index + 1].rates()), "x", BarKind::kAtLeast, opponent.bar);
  }
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(argc, argv, "One thing at a time, against other stores.");
  bench::Report report(arguments, bench::kProgram, "one thing at a time on a million rows, against other stores");
  for (const bench::Case& each : bench::cases()) {
    if (arguments.wants(bench::kProgram, each.name)) bench::compare(arguments, report, each);
  }
}
