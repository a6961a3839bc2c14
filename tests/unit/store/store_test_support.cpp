#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

namespace dictsqlite::store::testing {

TempDirectory::TempDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "dictsqlite-store-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = std::filesystem::canonical(pattern).string();
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

namespace {

std::string summary_of(const std::filesystem::directory_entry& entry) {
  if (entry.is_symlink() || !entry.is_regular_file()) return "no regular file";
  const std::string bytes = read_bytes(entry.path().string());
  return std::to_string(bytes.size()) + ":" + std::to_string(std::hash<std::string>{}(bytes));
}

}  // namespace

std::map<std::string, std::string> TempDirectory::contents() const {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string listing;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      listing += entry.path().filename().string() + "\n" + summary_of(entry) + "\n";
    }
    const bool written = ::write(ends[1], listing.data(), listing.size()) == static_cast<ssize_t>(listing.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string listing;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    listing.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  std::map<std::string, std::string> found;
  std::istringstream lines(listing);
  for (std::string name, summary; std::getline(lines, name) && std::getline(lines, summary);) found[name] = summary;
  return found;
}

std::vector<std::string> TempDirectory::names() const {
  std::vector<std::string> found;
  for (const auto& [name, bytes] : contents()) found.push_back(name);
  return found;
}

std::string read_bytes(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 ? static_cast<unsigned>(facts.st_mode & 07777U) : 0U;
}

SqliteOptions options_for(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  return options;
}

std::unique_ptr<SqliteStore> open_store(const SqliteOptions& options) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::open(options);
  if (!store.ok()) {
    ADD_FAILURE() << store.status();
    std::abort();
  }
  return *std::move(store);
}

std::unique_ptr<SqliteStore> open_store(const std::string& path) { return open_store(options_for(path)); }

RowWrite set_row(std::string_view key, std::string_view value, std::int64_t expires_at) {
  return {RowKind::kSet, kMainTable, expires_at, key, value};
}

RowWrite erase_row(std::string_view key) { return {RowKind::kErase, kMainTable, kNoExpiry, key, {}}; }

absl::Status apply_rows(SqliteStore& store, std::span<const RowWrite> rows, std::uint64_t last_sequence) {
  const auto all_at_once = [&] { return std::optional(std::exchange(rows, {})); };
  return store.writer().apply(all_at_once, last_sequence);
}

absl::Status apply_sets(SqliteStore& store, const Rows& rows, std::uint64_t last_sequence) {
  std::vector<RowWrite> writes;
  writes.reserve(rows.size());
  for (const auto& [key, value] : rows) writes.push_back(set_row(key, value));
  return apply_rows(store, writes, last_sequence);
}

void sync_log(SqliteStore& store) {
  const int fd = store.writer().sync_descriptor();
  if (fd >= 0) store.writer().sync_finished(::fdatasync(fd) == 0 ? 0 : errno);
}

Rows all_rows(SqliteStore& store) {
  Rows found;
  auto scan = store.open_scan(kMainTable, {}, ScanOrder::kForward);
  if (!scan.ok()) {
    ADD_FAILURE() << scan.status();
    return found;
  }
  std::vector<ScannedRow> rows;
  absl::StatusOr<bool> done = false;
  while (done.ok() && !*done) done = (*scan)->next(1000, std::size_t{1} << 20, rows);
  EXPECT_TRUE(done.ok()) << done.status();
  for (ScannedRow& row : rows) found[row.key] = std::move(row.value);
  return found;
}

std::optional<std::string> load_one(SqliteStore& store, std::string_view key) {
  auto reader = store.open_reader();
  if (!reader.ok()) {
    ADD_FAILURE() << reader.status();
    return std::nullopt;
  }
  std::optional<std::string> value;
  const std::string_view keys[] = {key};
  const auto result = (*reader)->load(kMainTable, keys, [&](const LoadedRow& row) { value = std::string(row.value); });
  EXPECT_TRUE(result.ok()) << result.status();
  return value;
}

Rows numbered_rows(std::string_view prefix, std::size_t count, std::size_t value_bytes) {
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%08zu", i);
    std::string value(value_bytes, static_cast<char>('a' + i % 26));
    rows[std::string(prefix) + digits] = std::move(value);
  }
  return rows;
}

std::string plain_query(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string answer;
  int code = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  if (code == SQLITE_OK) code = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    answer = text == nullptr ? "" : reinterpret_cast<const char*>(text);
  } else if (code != SQLITE_DONE) {
    answer = "error " + std::to_string(code & 0xff);
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return answer;
}

}  // namespace dictsqlite::store::testing
