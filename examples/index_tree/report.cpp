#include "index_tree/report.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string_view>
#include <vector>

namespace index_tree {

namespace {

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 0.1 ? "%.4f" : "%.2f", seconds);
  return text;
}

std::uint64_t per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) / seconds) : 0;
}

void print_row(std::string_view what, const Pass& pass) {
  std::printf("  %-36.*s %9s %9s %9s %9s %8s %8s\n", static_cast<int>(what.size()), what.data(),
              grouped(pass.files).c_str(), megabytes(pass.bytes).c_str(), seconds_text(pass.seconds).c_str(),
              grouped(per_second(pass.files, pass.seconds)).c_str(),
              megabytes(per_second(pass.bytes, pass.seconds)).c_str(), seconds_text(pass.file_seconds).c_str());
}

void print_fact(const char* what, const std::string& value) { std::printf("  %-36s %s\n", what, value.c_str()); }

struct Percentiles {
  std::uint64_t median_ns = 0;
  std::uint64_t p99_ns = 0;
};

Percentiles percentiles_of(const std::vector<std::uint64_t>& all, const std::vector<std::uint8_t>& counts) {
  std::vector<std::uint64_t> times;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (counts[i] != 0) times.push_back(all[i]);
  }
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[times.size() * 99 / 100]};
}

std::string time_text(std::uint64_t nanoseconds) {
  char text[32];
  const double microseconds = static_cast<double>(nanoseconds) / 1000;
  if (microseconds < 1000) {
    std::snprintf(text, sizeof text, "%.1f us", microseconds);
  } else {
    std::snprintf(text, sizeof text, "%.1f ms", microseconds / 1000);
  }
  return text;
}

void print_latency(const char* what, const std::vector<std::uint64_t>& all, const std::vector<std::uint8_t>& counts) {
  const Percentiles times = percentiles_of(all, counts);
  print_fact(what, time_text(times.median_ns) + " median, " + time_text(times.p99_ns) + " for 99 of 100");
}

std::string ratio(std::uint64_t count, std::uint64_t over, const char* unit) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", over == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(over));
  return std::string(text) + " (" + grouped(over) + " " + unit + ")";
}

void print_left_out(std::uint64_t count, const char* why) {
  if (count != 0) std::printf("  left out: %s %s\n", grouped(count).c_str(), why);
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string megabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / 1e6);
  return text;
}

void print_input(const std::string& directory, const Tree& tree, std::size_t coroutines) {
  std::uint64_t bytes = 0;
  for (const File& file : tree.files) bytes += file.bytes;
  std::printf("%s: %s files, %s MB; %s coroutines\n", directory.c_str(), grouped(tree.files.size()).c_str(),
              megabytes(bytes).c_str(), grouped(coroutines).c_str());
  print_left_out(tree.left_out.too_large, "files larger than the largest value");
  print_left_out(tree.left_out.path_too_long, "files with paths longer than the longest key");
  print_left_out(tree.left_out.unreadable, "files that cannot be examined");
  print_left_out(tree.left_out.above_files_max, "files above the number that this program lists");
}

void print_first_act(const FirstAct& act) {
  std::printf("\n  %-36s %9s %9s %9s %9s %8s %8s\n", "", "files", "MB", "seconds", "files/s", "MB/s", "reading*");
  print_row("write, each awaited until durable", act.write);
  print_row("read back cold, one get a file", act.one_by_one);
  print_row("read back cold, 64 keys a batch", act.in_batches);
  std::printf("  * seconds that reading the files themselves took; they are not in the columns before it\n\n");

  print_latency("a write was accepted after", act.write.accepted_ns, act.write.stored);
  print_latency("and proof against a power cut after", act.write.durable_ns, act.write.stored);
  print_fact("flush and close took", seconds_text(act.settle_seconds) + " s more");
  print_fact("rows per transaction", ratio(act.write_stats.rows_applied, act.write_stats.transactions, "transactions"));
  print_fact("keys per query, one get a file",
             ratio(act.one_by_one_stats.loads, act.one_by_one_stats.queries, "queries"));
  print_fact("keys per query, batches", ratio(act.in_batches_stats.loads, act.in_batches_stats.queries, "queries"));
  print_fact("I/O backend", std::string(act.write_stats.io_backend));
  print_fact("database file", megabytes(act.database_bytes) + " MB");
  const std::uint64_t different = act.one_by_one.different + act.in_batches.different;
  const std::uint64_t changed = std::max(act.one_by_one.changed_meanwhile, act.in_batches.changed_meanwhile);
  print_fact("compared byte for byte", different == 0 ? "all equal" : grouped(different) + " DIFFERENT");
  if (changed != 0) print_fact("", grouped(changed) + " files were changed meanwhile and prove nothing");
}

void print_look(const std::string& database) {
  std::printf(
      "\nAn ordinary SQLite file. Look into it:\n"
      "  sqlite3 %s \"select length(value), key from main order by 1 desc limit 5\"\n",
      database.c_str());
}

void print_second_act(const KillResult& result) {
  std::printf(
      "\nThe same in another process, killed with SIGKILL after it had reported %s of %s files durable (seed %" PRIu64
      ").\n",
      grouped(result.durable).c_str(), grouped(result.files).c_str(), result.seed);
  std::printf("  Reopened in %.2f s, %s MB of log recovered: %s files. ", result.open_seconds,
              megabytes(result.log_bytes).c_str(), grouped(result.found).c_str());
  if (result.ok()) {
    std::printf(
        "They are exactly the first %s it wrote,\n"
        "  every byte equal: nothing that it had reported durable is lost, and there is no gap.\n",
        grouped(result.found).c_str());
  } else {
    std::printf("WRONG: %s.\n", result.complaint().c_str());
  }
  if (result.changed_meanwhile != 0) {
    std::printf("  %s files were changed meanwhile and prove nothing.\n", grouped(result.changed_meanwhile).c_str());
  }
}

}  // namespace index_tree
