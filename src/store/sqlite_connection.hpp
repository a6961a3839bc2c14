// Connection and Statement: owning handles for sqlite3* and sqlite3_stmt*, and the hardening that every connection
// of ours gets before it looks at a file.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dictsqlite::store {

/// The most parameters one of our statements has.
inline constexpr int kParametersMax = 64;

/// A prepared statement, used again and again. Finalized by the destructor, which must run before the
/// connection's.
///
/// Thread-safety: one thread at a time, the connection's.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) noexcept : statement_(statement) {}

  [[nodiscard]] bool prepared() const noexcept { return statement_ != nullptr; }
  [[nodiscard]] sqlite3_stmt* handle() const noexcept { return statement_.get(); }
  /// SQLITE_ROW, SQLITE_DONE or an extended error code.
  [[nodiscard]] int step() noexcept { return sqlite3_step(statement_.get()); }
  /// Ends the execution, so that it holds no snapshot; the error of the last step is not told again.
  void reset() noexcept { static_cast<void>(sqlite3_reset(statement_.get())); }
  void finalize() noexcept { statement_.reset(); }

  /// Parameters count from 1. The bytes must live until the parameter is bound anew; bound as TEXT, whatever
  /// they are. Returns SQLITE_OK or an error code.
  [[nodiscard]] int bind_text(int parameter, std::string_view bytes) noexcept;
  [[nodiscard]] int bind_blob(int parameter, std::string_view bytes) noexcept;
  [[nodiscard]] int bind_integer(int parameter, std::int64_t value) noexcept;

  [[nodiscard]] int column_type(int column) const noexcept;
  /// The bytes of a TEXT or BLOB column, valid until the next step, reset or finalize.
  [[nodiscard]] std::string_view column_bytes(int column) const noexcept;
  [[nodiscard]] std::int64_t column_integer(int column) const noexcept;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

enum class Access : std::uint8_t { kReadWrite, kReadOnly };

struct ConnectionOptions {
  Access access = Access::kReadOnly;
  std::string vfs_name;           // empty for SQLite's default
  std::size_t cache_bytes = 0;    // of the page cache
  std::size_t map_bytes = 0;      // of the file that SQLite may ask its VFS to map
  std::size_t row_bytes_max = 0;  // key and value together; SQLite's own limit is set just above it
};
/// As long as SQLite allows.
inline constexpr std::size_t kRowBytesUnbounded = 1'000'000'000;

/// A connection that never checkpoints or writes by itself: no automatic checkpoints, none when closing.
///
/// Thread-safety: one thread at a time (opened without SQLite's own mutex).
/// Ownership:     owns the handle; all its statements must be finalized before.
class Connection {
 public:
  Connection() = default;

  /// Opens an existing database file without reading it: that starts with the first statement. `path` is
  /// absolute, so SQLite cannot take it for a URI.
  [[nodiscard]] static absl::StatusOr<Connection> open(const std::string& path, const ConnectionOptions& options);

  /// Sets what needs the file to be readable: page cache, how much may be mapped, temporary data in memory.
  [[nodiscard]] absl::Status configure(const ConnectionOptions& options);

  [[nodiscard]] sqlite3* handle() const noexcept { return database_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] absl::StatusOr<Statement> prepare(std::string_view sql);
  /// Runs one or more statements and drops their rows.
  [[nodiscard]] absl::Status execute(const std::string& sql);
  /// Runs a statement and returns the first column of its first row as text; empty without a row.
  [[nodiscard]] absl::StatusOr<std::string> query_text(const std::string& sql);

  /// Lets closing checkpoint and remove the log, if this is then the last connection to the file.
  void checkpoint_on_close(bool allowed) noexcept;

  /// The error of the last call, as a Status that names the file.
  [[nodiscard]] absl::Status error(int code, std::string_view attempted) const;

  void close() noexcept { database_.reset(); }

 private:
  struct Closer {
    void operator()(sqlite3* database) const noexcept;
  };

  void harden(const ConnectionOptions& options) noexcept;

  std::unique_ptr<sqlite3, Closer> database_;
  std::string path_;
};

}  // namespace dictsqlite::store
