// index_tree: a directory tree as a dictionary from path to content.
//
// First act: thousands of coroutines store every file, each waiting until its file is proof against a power cut. Then
// the database is reopened with nothing in memory, everything is read back through concurrent misses, twice (one get a
// file; batches of 64), and compared byte for byte with the files.
// Second act: another process does the writing and is killed with SIGKILL at a random moment. What it had reported
// durable must be there, and what is there must be the beginning of what it wrote.
//
// Exit status: 0 if every byte was right, 1 if not or if anything failed, 2 for a command line that makes no sense.
#include "index_tree/arguments.hpp"
#include "index_tree/crash.hpp"
#include "index_tree/files.hpp"
#include "index_tree/passes.hpp"
#include "index_tree/report.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace index_tree;  // NOLINT(google-build-using-namespace)
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "index_tree: %s: %s\n", what, status.ToString().c_str());
  return 1;
}

void remove_database(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix, ignored);
}

std::string killed_path(const Arguments& arguments) { return arguments.database + "-killed"; }

// Ours is made anew each time; a database that somebody named is not ours to remove.
absl::Status choose_database(Arguments& arguments) {
  std::error_code error;
  if (arguments.database.empty()) {
    arguments.database = std::filesystem::read_symlink("/proc/self/exe", error).string() + ".db";
    if (error) return absl::InternalError("/proc/self/exe: " + error.message());
    remove_database(arguments.database);
    remove_database(killed_path(arguments));
    return absl::OkStatus();
  }
  for (const std::string& path : {arguments.database, killed_path(arguments)}) {
    if (!std::filesystem::exists(path, error)) continue;
    return absl::AlreadyExistsError("'" + path + "' exists; the demonstration starts with a new database");
  }
  return absl::OkStatus();
}

void drop_unreadable(const WritePass& pass, Tree& tree) {
  std::vector<File> stored;
  for (std::size_t i = 0; i < tree.files.size(); ++i) {
    if (pass.stored[i] != 0) stored.push_back(std::move(tree.files[i]));
  }
  if (stored.size() != tree.files.size()) {
    std::printf("  left out: %s files that cannot be read\n", grouped(tree.files.size() - stored.size()).c_str());
  }
  tree.files = std::move(stored);
}

absl::Status write_all(const Arguments& arguments, Tree& tree, FirstAct& act) {
  auto db = dictsqlite::Database::open(database_options(arguments, act.database));
  if (!db.ok()) return db.status();
  act.write = write_tree(*db, tree, arguments.coroutines);
  if (!act.write.status.ok()) return act.write.status;
  drop_unreadable(act.write, tree);
  const Clock::time_point start = Clock::now();
  absl::Status status = db->flush();
  act.write_stats = db->stats();
  status.Update(db->close());
  act.settle_seconds = seconds_since(start);
  return status;
}

using ReadPass = Pass (*)(dictsqlite::Database&, const Tree&, std::size_t);

// A new Database: its cache is empty, so every key is a miss.
absl::Status read_all(const Arguments& arguments, const Tree& tree, const std::string& path, ReadPass read_pass,
                      Pass& pass, dictsqlite::Stats& stats) {
  auto db = dictsqlite::Database::open(database_options(arguments, path));
  if (!db.ok()) return db.status();
  pass = read_pass(*db, tree, arguments.coroutines);
  stats = db->stats();
  absl::Status status = db->close();
  status.Update(pass.status);
  return status;
}

int first_act(const Arguments& arguments, Tree& tree) {
  FirstAct act;
  act.database = arguments.database;
  absl::Status status = write_all(arguments, tree, act);
  if (!status.ok()) return fail("writing", status);
  status = read_all(arguments, tree, act.database, read_one_by_one, act.one_by_one, act.one_by_one_stats);
  if (!status.ok()) return fail("reading", status);
  status = read_all(arguments, tree, act.database, read_in_batches, act.in_batches, act.in_batches_stats);
  if (!status.ok()) return fail("reading in batches", status);
  std::error_code error;
  act.database_bytes = std::filesystem::file_size(act.database, error);
  print_first_act(act);
  print_look(act.database);
  const std::uint64_t missed = 2 * tree.files.size() - act.one_by_one.files - act.in_batches.files;
  return missed + act.one_by_one.different + act.in_batches.different == 0 ? 0 : 1;
}

int second_act(const Arguments& arguments, Tree tree) {
  const std::string path = killed_path(arguments);
  const absl::StatusOr<KillResult> result = kill_and_examine(arguments, std::move(tree), path);
  if (!result.ok()) return fail("killing and reopening", result.status());
  print_second_act(*result);
  if (!result->ok()) return 1;  // with the evidence left where it is
  remove_database(path);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<Arguments> arguments = parse_arguments(argc, argv);
  if (!arguments) return 2;
  if (arguments->write_and_report) return write_and_report(*arguments);

  const absl::Status chosen = choose_database(*arguments);
  if (!chosen.ok()) return fail("--database", chosen);
  const dictsqlite::Options limits;
  absl::StatusOr<Tree> tree = list_tree(arguments->directory, {limits.key_bytes_max, limits.value_bytes_max});
  if (!tree.ok()) return fail("input", tree.status());
  print_input(arguments->directory, *tree, arguments->coroutines);
  std::fflush(stdout);

  const int first = first_act(*arguments, *tree);
  std::fflush(stdout);
  if (first != 0 || !arguments->kill) return first;
  return second_act(*arguments, std::move(*tree));
}
