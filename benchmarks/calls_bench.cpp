// What does an operation cost in context switches and system calls, of all threads together?
//
// Each operation is done many times by some coroutines on 100 k rows, twice, each time in a process of its own: once
// counting voluntary context switches with getrusage(RUSAGE_SELF), once counting system calls with ptrace. The tracer
// stops a thread for some microseconds at each call: as many operations go together then as at full speed, or a few
// more. Writes are counted with the flush that brings them into SQLite.

#include "support/arguments.hpp"
#include "support/call_counter.hpp"
#include "support/check.hpp"
#include "support/fill.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <array>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "calls_bench";
constexpr std::size_t kRows = 100'000;
constexpr std::size_t kBatchRows = 1000;

enum class Work : std::uint8_t { kHit, kBatchGet, kMiss, kSet, kDurableSet };

struct Case {
  std::string_view name;
  Work work;
  Journal journal;
  std::size_t coroutines;
  std::size_t each;          // operations of one coroutine
  double switches_max = -1;  // an operation; below zero: for orientation
};

constexpr std::array kCases = {
    Case{"get, cached, 1 coroutine", Work::kHit, Journal::kOff, 1, 1'000'000, 0.001},
    Case{"batch_get of 1,000 cached, 1 coroutine", Work::kBatchGet, Journal::kOff, 1, 1'000, 0.01},
    Case{"get, not cached, 1 coroutine", Work::kMiss, Journal::kOff, 1, 2'000},
    Case{"get, not cached, 256 coroutines", Work::kMiss, Journal::kOff, 256, 100, 0.1},
    Case{"set, written behind, 1 coroutine", Work::kSet, Journal::kOff, 1, 1'000'000, 0.01},
    Case{"durable set with a log, 1 coroutine", Work::kDurableSet, Journal::kOn, 1, 2'000},
    Case{"durable set with a log, 64 coroutines", Work::kDurableSet, Journal::kOn, 64, 1'000, 0.1},
    Case{"durable set with a log, 1,024 coroutines", Work::kDurableSet, Journal::kOn, 1024, 200, 0.01},
    Case{"durable set without one, 64 coroutines", Work::kDurableSet, Journal::kOff, 64, 200},
};

Task<void> client(const Case& each, Database& database, const Keys& keys, const Values& values, std::size_t first) {
  Random random(first);
  std::vector<std::string_view> together;
  for (std::size_t i = 0; i < each.each; ++i) {
    switch (each.work) {
      case Work::kHit:
        must(co_await database.get_async(keys[random.below(keys.size())]), "get");
        break;
      case Work::kBatchGet:
        together.clear();
        for (std::size_t row = 0; row < kBatchRows; ++row) together.push_back(keys[random.below(keys.size())]);
        for (const absl::StatusOr<Value>& value : co_await database.batch_get_async(together))
          must(value.status(), "get");
        break;
      case Work::kMiss:  // each once
        must(co_await database.get_async(keys[first * each.each + i]), "get");
        break;
      case Work::kSet:
        must(co_await database.set_async(keys[random.below(keys.size())], values[random.next()]), "set");
        break;
      case Work::kDurableSet:
        must(
            co_await database.set_async(keys[random.below(keys.size())], values[random.next()], {.ack = Ack::kDurable}),
            "set");
        break;
    }
  }
}

// Calls `mark` before and after the operations.
template <class Mark>
void perform(const Case& each, const std::string& path, Mark&& mark) {
  const Keys keys(kRows);
  const Values values;
  Options options;
  options.path = path;
  options.journal = each.journal;
  Database database = must(Database::open(options), "open");
  sync_wait(fill(database, keys, values));
  if (each.work == Work::kMiss) {
    must(database.close(), "close");
    database = must(Database::open(options), "open");
  }
  mark();
  TaskScope scope;
  for (std::size_t number = 0; number < each.coroutines; ++number) {
    scope.spawn(inline_executor(), client(each, database, keys, values, number));
  }
  scope.join();
  if (each.work == Work::kSet || each.work == Work::kDurableSet) must(database.flush(), "flush");
  mark();
  must(database.close(), "close");
}

long voluntary_switches() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

void measure(Report& report, Case each, double scale) {
  each.each = std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(each.each) * scale), 1);
  const double operations = static_cast<double>(each.coroutines * each.each);
  const ScratchDirectory scratch;
  void* shared = ::mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("mmap", "no memory");
  long& switches = *new (shared) long(0);
  // In a child as well, although nothing is traced: no thread may be left here when the next one is forked.
  static_cast<void>(count_system_calls([&](void (*)()) {
    perform(each, scratch.file("switches.db"), [&] { switches = voluntary_switches() - switches; });
  }));
  const CallCounts calls =
      count_system_calls([&](void (*mark)()) { perform(each, scratch.file("calls.db"), mark); }, CallsOf::kAllThreads);
  std::uint64_t all = 0;
  for (const auto& [number, count] : calls) all += count;
  const double switches_each = static_cast<double>(switches) / operations;
  const std::string name(each.name);
  if (each.switches_max >= 0) {
    report.bar(absl::StrCat(name, ": switches"), switches_each, "", BarKind::kAtMost, each.switches_max);
  } else {
    report.figure(absl::StrCat(name, ": switches"), switches_each, "");
  }
  report.figure(absl::StrCat(name, ": system calls"), static_cast<double>(all) / operations, "");
  report.note(absl::StrCat("    of ", static_cast<std::uint64_t>(operations), " operations: ", describe(calls)));
  ::munmap(shared, sizeof(long));
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Context switches and system calls of an operation, of all threads.");
  bench::Report report(arguments, bench::kProgram, "context switches and system calls an operation, of all threads");
  for (const bench::Case& each : bench::kCases) {
    if (arguments.wants(bench::kProgram, each.name)) bench::measure(report, each, arguments.scale);
  }
}
