#include "index_tree/crash.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/status/status.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/prctl.h>
#include <unistd.h>

namespace index_tree {

namespace {

std::vector<File> read_list(std::FILE* list) {
  std::vector<File> files;
  char* line = nullptr;
  std::size_t capacity = 0;
  while (true) {
    const ssize_t length = ::getdelim(&line, &capacity, '\0', list);
    if (length <= 0) break;
    const std::string_view text(line, static_cast<std::size_t>(length) - 1);
    File& file = files.emplace_back();
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), file.bytes);
    if (error == std::errc()) file.path = text.substr(static_cast<std::size_t>(rest - text.data()) + 1);
  }
  std::free(line);
  return files;
}

// "The first `count` files are durable". Short enough that a pipe takes all of it or nothing.
bool report_durable(std::uint64_t count) {
  return ::write(STDOUT_FILENO, &count, sizeof count) == static_cast<ssize_t>(sizeof count);
}

dictsqlite::Task<void> report_when_durable(dictsqlite::Database& db, std::uint64_t count) {
  const absl::Status status = co_await db.sync_async();
  if (!status.ok()) {
    std::fprintf(stderr, "index_tree (child): sync: %s\n", status.ToString().c_str());
    std::_Exit(1);
  }
  if (!report_durable(count)) std::_Exit(1);
}

// The order of the database is the order in which writes are accepted. So one coroutine writes, and thousands wait.
dictsqlite::Task<absl::Status> write_in_order(dictsqlite::Database& db, const std::vector<File>& files,
                                              std::size_t coroutines) {
  dictsqlite::TaskScope reports;
  absl::Status status;
  std::string content;
  for (std::size_t i = 0; i < files.size() && status.ok(); ++i) {
    if (!read_file(files[i], content)) content.clear();
    status = co_await db.set_async(files[i].path, content);
    if (!status.ok()) break;
    if (reports.running() >= coroutines) status = co_await db.sync_async();
    reports.spawn(report_when_durable(db, i + 1));
  }
  co_await reports.join_async();
  co_return status;
}

}  // namespace

int write_and_report(const Arguments& arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // so that it does not outlive a parent that ends early
  const std::vector<File> files = read_list(stdin);
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open(database_options(arguments, arguments.database));
  absl::Status status = db.status();
  if (status.ok()) status = dictsqlite::sync_wait(write_in_order(*db, files, arguments.coroutines));
  if (status.ok()) {
    while (true) ::pause();
  }
  std::fprintf(stderr, "index_tree (child): %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace index_tree
