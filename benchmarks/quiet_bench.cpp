// Does a thread that only sets ever wait, or enter the kernel?
//
// Ten million sets of a million keys, with room in ring, slab and budget: in bursts that fit the ring, flushed between
// them. The same work runs twice, each time in a process of its own: once counting the calling thread's voluntary
// context switches with getrusage(RUSAGE_THREAD), once counting its system calls with ptrace, whose own stops would
// count as switches. The only call that may appear is the doorbell's, a write to an eventfd.

#include "support/arguments.hpp"
#include "support/call_counter.hpp"
#include "support/check.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <chrono>
#include <new>

#include <sys/mman.h>
#include <sys/resource.h>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "quiet_bench";
constexpr std::size_t kWrites = 10'000'000;
constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kBurst = 2'000'000;

struct Switches {
  long voluntary = 0;
  long involuntary = 0;
};

// What the children found; in memory that all processes see.
struct Findings {
  Switches switches;
  double seconds = 0;
  std::uint64_t waits = 0;  // sets of either that found no room: then the rest of the burst runs on another thread
};

Switches switches_of_this_thread() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return {usage.ru_nvcsw, usage.ru_nivcsw};
}

Options roomy_options(std::string path) {
  Options options;
  options.path = std::move(path);
  options.ring_capacity = 1u << 22;
  options.unapplied_bytes = std::size_t{1} << 30;
  options.cache_bytes = std::size_t{512} << 20;
  return options;
}

Task<void> burst(Database& database, const Keys& keys, const Values& values, std::uint64_t first, std::size_t count) {
  Random random(first);
  for (std::size_t i = 0; i < count; ++i) {
    must(co_await database.set_async(keys[random.below(keys.size())], values[first + i]), "set");
  }
}

// Calls `around(burst)` for each burst. The first burst, which touches the memory for the first time, is not counted.
// Returns how often a set had to wait for room.
template <typename Around>
std::uint64_t set_in_bursts(const std::string& path, std::size_t writes, Around&& around) {
  const Keys keys(kKeys);
  const Values values;
  Database database = must(Database::open(roomy_options(path)), "open");
  sync_wait(burst(database, keys, values, 0, kBurst));
  must(database.flush(), "flush");
  const std::uint64_t waits_before = database.stats().parked_writers_total;
  for (std::size_t done = 0; done < writes; done += kBurst) {
    const std::size_t count = std::min(kBurst, writes - done);
    around([&] { sync_wait(burst(database, keys, values, kBurst + done, count)); });
    must(database.flush(), "flush");
  }
  const std::uint64_t waits = database.stats().parked_writers_total - waits_before;
  must(database.close(), "close");
  return waits;
}

void count_switches(const std::string& path, std::size_t writes, Findings& findings) {
  findings.waits += set_in_bursts(path, writes, [&](auto&& run_burst) {
    const Switches before = switches_of_this_thread();
    const auto started = std::chrono::steady_clock::now();
    run_burst();
    findings.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const Switches after = switches_of_this_thread();
    findings.switches.voluntary += after.voluntary - before.voluntary;
    findings.switches.involuntary += after.involuntary - before.involuntary;
  });
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "what the calling thread does beside setting");
  const std::size_t writes = arguments.scaled(kWrites);
  void* shared = ::mmap(nullptr, sizeof(Findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("mmap", "no memory");
  Findings& findings = *new (shared) Findings;
  const ScratchDirectory scratch;
  // In a child as well, although nothing is traced: no thread may be left here when the next one is forked.
  static_cast<void>(
      count_system_calls([&](void (*)()) { count_switches(scratch.file("switches.db"), writes, findings); }));
  const CallCounts calls = count_system_calls([&](void (*mark)()) {
    findings.waits += set_in_bursts(scratch.file("calls.db"), writes, [&](auto&& run_burst) {
      mark();
      run_burst();
      mark();
    });
  });

  report.figure("sets that waited for room: there should be none", static_cast<double>(findings.waits), "");
  report.figure("set_async", static_cast<double>(writes) / findings.seconds, "rows/s");
  report.figure("involuntary context switches, for orientation", static_cast<double>(findings.switches.involuntary),
                "");
  report.note(absl::StrCat("system calls of the calling thread: ", describe(calls)));
  std::uint64_t others = 0;
  for (const auto& [number, count] : calls) others += number == kWriteToEventfd ? 0 : count;
  report.bar("voluntary context switches", static_cast<double>(findings.switches.voluntary), "", BarKind::kAtMost, 0);
  report.bar("system calls other than the doorbell's write", static_cast<double>(others), "", BarKind::kAtMost, 0);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Context switches and system calls of a thread that sets ten million times.");
  if (arguments.wants(bench::kProgram, "quiet")) bench::run(arguments);
}
