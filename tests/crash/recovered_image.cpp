#include "crash/recovered_image.hpp"

#include "support/simulated_vfs.hpp"

#include <sqlite3.h>

#include <memory>
#include <string_view>

namespace dictsqlite::crash_testing {

namespace {

using testing_support::SimulatedDisk;
using testing_support::SimulatedVfs;

class StoppedClock final : public base::Clock {
 public:
  [[nodiscard]] base::Instant now() const noexcept override { return base::Instant(1); }
};

struct Closer {
  void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, Closer>;
using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

Statement prepare(const Connection& database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(database.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  return Statement(raw);
}

std::string_view bytes_of(const Statement& row, int column) {
  const void* const bytes = sqlite3_column_blob(row.get(), column);
  const auto count = static_cast<std::size_t>(sqlite3_column_bytes(row.get(), column));
  return {bytes == nullptr ? "" : static_cast<const char*>(bytes), count};
}

// Through SQLite alone: another reader than ours.
std::string compare(const std::string& vfs_name, const NumberedWrites::Rows& expected) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(kDatabasePath, &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, vfs_name.c_str());
  const Connection database(raw);
  if (opened != SQLITE_OK) return "SQLite does not open it";
  std::size_t count = 0;
  int code = SQLITE_ERROR;
  {
    const Statement rows = prepare(database, "SELECT key,value FROM main");
    while (rows != nullptr && (code = sqlite3_step(rows.get())) == SQLITE_ROW) {
      const auto row = expected.find(bytes_of(rows, 0));
      if (row == expected.end()) return "'" + std::string(bytes_of(rows, 0)) + "' should not be there";
      if (*row->second != bytes_of(rows, 1)) return "'" + row->first + "' has another value";
      ++count;
    }
  }
  if (code != SQLITE_DONE) return "SQLite cannot read it";
  if (count != expected.size()) return std::to_string(expected.size() - count) + " rows are missing";
  const Statement check = prepare(database, "PRAGMA integrity_check(1)");
  if (check == nullptr || sqlite3_step(check.get()) != SQLITE_ROW) return "its integrity cannot be checked";
  if (bytes_of(check, 0) != "ok") return "integrity_check: " + std::string(bytes_of(check, 0));
  return "";
}

}  // namespace

Found recover_and_read(SimulatedDisk& disk, NumberedWrites& history, Next next, journal::LogLoss loss) {
  SimulatedVfs vfs(disk, 1);
  Found found;
  if (disk.facts(kDatabasePath)->kind == io::FileKind::kMissing) return found;  // before there was one
  store::SqliteOptions options;
  options.path = kDatabasePath;
  options.vfs_name = vfs.name();
  options.files = &disk;
  const StoppedClock clock;
  constexpr std::size_t kMemoryBytes = 1u << 20;
  absl::StatusOr<flush::RecoveredStore> recovered = flush::open_and_recover(options, kMemoryBytes, loss, disk, clock);
  absl::Status status = recovered.status();
  if (status.ok() && next == Next::kLifeBegins) {
    status = recovered->store->writer().begin_life(0);
    if (status.ok()) recovered->old_log.remove_all();
  }
  if (!status.ok()) {
    found.code = status.code();
    found.wrong = "not opened: " + std::string(status.message());
    return found;
  }
  found.writes = recovered->store->writer().last_sequence();
  const std::string difference = compare(vfs.name(), history.after(found.writes));
  if (!difference.empty()) {
    found.wrong = "not what the first " + std::to_string(found.writes) + " writes make: " + difference;
  }
  return found;
}

Found recover_and_judge(SimulatedDisk& disk, NumberedWrites& history, const Promised& promised, Next next) {
  Found found = recover_and_read(disk, history, next);
  if (!found.wrong.empty()) return found;
  if (found.writes < promised.durable) {
    found.wrong =
        std::to_string(found.writes) + " writes are there, and " + std::to_string(promised.durable) + " were durable";
  } else if (found.writes > promised.possible) {
    found.wrong =
        std::to_string(found.writes) + " writes are there, and " + std::to_string(promised.possible) + " can be";
  }
  return found;
}

}  // namespace dictsqlite::crash_testing
