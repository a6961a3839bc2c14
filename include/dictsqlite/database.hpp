/// \file
/// Database: a dictionary in memory and on disk at once.
#pragma once

#include <dictsqlite/export.hpp>
#include <dictsqlite/operation.hpp>
#include <dictsqlite/options.hpp>
#include <dictsqlite/scan.hpp>
#include <dictsqlite/stats.hpp>
#include <dictsqlite/value.hpp>
#include <dictsqlite/write_batch.hpp>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace dictsqlite {

class Database;

/// Result of Database::open_async.
class [[nodiscard]] OpenOperation;

namespace detail {
struct Surroundings;
[[nodiscard]] OpenOperation open_in(const Surroundings& surroundings, Options options);  // for tests of the library
}  // namespace detail

/// A handle to an open database. Movable; the last word on a database's life: destroying it closes the database in
/// bounded time (Options::close_timeout) and reports by Options::event_hook what it could not write. close_async()
/// or close() is the way that waits and returns errors.
///
/// Thread-safety: every member from any thread, moves and destruction aside. The blocking forms not on the library's
/// own threads (where inline_executor() code runs). There a Database may not be destroyed either, except on the resume
/// thread: its other two have to end first, so that the process is aborted.
///
/// Writes have one order, the sequence in which they were accepted: memory, disk and recovery agree on it. After any
/// crash the database holds exactly the first j accepted writes, for some j not below what was reported durable.
///
/// Every key is 1 to Options::key_bytes_max bytes of any content; every value 0 to Options::value_bytes_max.
class DICTSQLITE_EXPORT Database {
 public:
  /// Opens or creates a database. Blocks; see open_async().
  /// Errors: kInvalidArgument (an option, named; a file that is not ours), kNotFound (missing directory),
  ///         kPermissionDenied, kUnimplemented (a newer format), kUnavailable (another live owner; io_uring refused;
  ///         no space), kDataLoss (damaged), kResourceExhausted (memory, threads, descriptors), kInternal.
  [[nodiscard]] static absl::StatusOr<Database> open(Options options);
  [[nodiscard]] static OpenOperation open_async(Options options);

  Database() noexcept;  // holds nothing; every operation ends in kFailedPrecondition
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;  // closes what it held, as the destructor does
  ~Database();

  /// Stores `value` under `key`.
  ///
  /// With Ack::kAccepted the result is ready once the write is visible to every reader of this Database; a crash may
  /// lose it. With Ack::kDurable it is ready when it survives a power cut. Waits while there is no room
  /// (Options::unapplied_bytes), suspended, in order of arrival.
  /// Errors: kInvalidArgument (key or value over its limit, empty key), kFailedPrecondition (closed, or an earlier
  ///         write or sync failed), kUnavailable (disk full and DiskFull::kRefuse), kResourceExhausted (no memory;
  ///         kMemory: full), kUnknown (durable outcome unknown), kAborted (not written).
  /// Cost: one block of key + value + 40 bytes. Both are copied at the call.
  [[nodiscard]] WriteOperation set_async(std::string_view key, std::string_view value, WriteOptions options = {});

  /// Removes `key`. Ok also when it was absent. Otherwise as set_async().
  [[nodiscard]] WriteOperation erase_async(std::string_view key, WriteOptions options = {});

  /// Writes a whole batch: all or nothing, one place in the order. An empty batch is Ok. Errors as set_async(), and
  /// kInvalidArgument when it has more rows or bytes than Options allow.
  [[nodiscard]] WriteOperation write_async(const WriteBatch& batch, WriteOptions options = {});

  /// The value of `key`. A hit is ready at once; a miss waits for one query that serves up to 64 misses that queued up
  /// meanwhile, and once per key however many ask.
  /// Errors: kNotFound (no such key; empty message), kInvalidArgument (empty or over-long key), kFailedPrecondition
  ///         (closed), kResourceExhausted (no memory), kDataLoss, kInternal (the query failed).
  [[nodiscard]] GetOperation get_async(std::string_view key);

  /// Whether `key` exists. Otherwise as get_async().
  [[nodiscard]] ContainsOperation contains_async(std::string_view key);

  /// The values of many keys, one result per key, in the order given. Never sees part of a WriteBatch. The keys are
  /// copied at the call. Errors per key as get_async().
  [[nodiscard]] BatchGetOperation batch_get_async(std::span<const std::string_view> keys);

  /// Ready when everything accepted so far survives a power cut. Errors: kFailedPrecondition, kUnknown, kAborted;
  /// kInvalidArgument in PersistMode::kMemory.
  [[nodiscard]] FenceOperation sync_async();
  /// Ready when everything accepted so far is durable in SQLite's own files. Errors as sync_async().
  [[nodiscard]] FenceOperation flush_async();
  /// Refuses new operations, writes everything, closes the files and ends the threads. Operations under way complete.
  /// After OK everything is durable; a disk too full to copy the log into the file only leaves the log beside it.
  /// Errors: what kept something from being written. A second close is kFailedPrecondition.
  [[nodiscard]] FenceOperation close_async();

  /// Walks a range of keys over one snapshot.
  [[nodiscard]] Scan scan(const ScanOptions& options = {});

  // The same, blocking the calling thread.
  absl::Status set(std::string_view key, std::string_view value, WriteOptions options = {});
  absl::Status erase(std::string_view key, WriteOptions options = {});
  absl::Status write(const WriteBatch& batch, WriteOptions options = {});
  [[nodiscard]] absl::StatusOr<Value> get(std::string_view key);
  [[nodiscard]] absl::StatusOr<bool> contains(std::string_view key);
  [[nodiscard]] std::vector<absl::StatusOr<Value>> batch_get(std::span<const std::string_view> keys);
  absl::Status sync();
  absl::Status flush();
  absl::Status close();

  [[nodiscard]] Stats stats() const;

 private:
  friend class OpenOperation;
  explicit Database(detail::EngineHandle engine) noexcept;

  detail::EngineHandle engine_;  // the one that closes
};

class [[nodiscard]] OpenOperation : public Operation<OpenOperation, absl::StatusOr<Database>> {
 public:
  OpenOperation(OpenOperation&& other) noexcept
      : Operation(std::move(other)),
        options_(std::move(other.options_)),
        surroundings_(other.surroundings_),
        status_(std::move(other.status_)) {}
  DICTSQLITE_EXPORT ~OpenOperation();

 private:
  friend class Database;
  friend class Operation<OpenOperation, absl::StatusOr<Database>>;
  friend OpenOperation detail::open_in(const detail::Surroundings& surroundings, Options options);
  DICTSQLITE_EXPORT OpenOperation(Options options, const detail::Surroundings* surroundings) noexcept;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  void fail_now(absl::StatusCode code, const char* message) noexcept { status_ = absl::Status(code, message); }

  std::unique_ptr<Options> options_;
  const detail::Surroundings* surroundings_;  // null: the world's own
  absl::Status status_;
};

}  // namespace dictsqlite
