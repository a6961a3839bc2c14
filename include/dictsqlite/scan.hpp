/// \file
/// Scan: walks a range of keys, in order, over one snapshot.
#pragma once

#include <dictsqlite/operation.hpp>

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace dictsqlite {

/// Which keys, in which order. Keys are compared as bytes. `prefix` and `from`/`to` exclude each other.
struct ScanOptions {
  std::string prefix{};   ///< keys that begin with it
  std::string from{};     ///< first key, inclusive
  std::string to{};       ///< end of the range, exclusive; empty: to the last key
  std::size_t limit = 0;  ///< rows at most; 0: no limit
  bool reverse = false;   ///< from the last key to the first
};

struct Row {
  std::string key;
  std::string value;
};

/// Result of Scan::next_async: the next row, or nothing at the end or on an error (see Scan::status).
class [[nodiscard]] ScanNextOperation : public Operation<ScanNextOperation, std::optional<Row>> {
 public:
  struct State;
  ScanNextOperation(detail::EngineHandle engine, State* state) noexcept;
  ScanNextOperation(ScanNextOperation&& other) noexcept
      : Operation(std::move(other)), state_(std::exchange(other.state_, nullptr)) {}
  DICTSQLITE_EXPORT ~ScanNextOperation();

 private:
  friend class Operation<ScanNextOperation, std::optional<Row>>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  DICTSQLITE_EXPORT void fail_now(absl::StatusCode code, const char* message) noexcept;

  State* state_;          // counted
  bool waiting_ = false;  // suspended, and the result not taken yet
};

/// One scan. Everything accepted before the first next_async() is in it, and of what is accepted later a prefix that is
/// fixed before the first row comes: the snapshot. The first row waits until that is committed, on a full disk until
/// there is space. Rows are fetched in chunks, so that most calls of next_async() are ready at once.
///
/// Thread-safety: none; one next_async() at a time. Ownership: holds a read transaction on a connection of its own
/// from the first next_async() to the end, an error or its destruction. A scan that stays open longer than
/// Options::scan_time_max, or in the way of the log's starting over, ends in kAborted; one whose coroutine was
/// destroyed while it waited for a row, or whose callback was dropped, in kCancelled.
class DICTSQLITE_EXPORT Scan {
 public:
  Scan(Scan&& other) noexcept : engine_(std::move(other.engine_)), state_(std::exchange(other.state_, nullptr)) {}
  Scan& operator=(Scan&& other) noexcept;
  ~Scan();

  [[nodiscard]] ScanNextOperation next_async() noexcept;
  /// The same, blocking. Not on the library's own threads.
  [[nodiscard]] std::optional<Row> next();

  /// Ok while rows come and at the regular end. Errors: kInvalidArgument (options), kAborted (open for too long;
  /// resume_key() tells where to go on), kResourceExhausted (too many scans; no memory), kFailedPrecondition (database
  /// closed, or failed before everything accepted was committed), kCancelled (its coroutine was destroyed while it
  /// waited, or its callback dropped), kDataLoss, kInternal.
  [[nodiscard]] absl::Status status() const;
  /// The last key that was handed out: a new scan goes on behind it.
  [[nodiscard]] const std::string& resume_key() const noexcept;

 private:
  friend class Database;
  Scan(detail::EngineHandle engine, ScanNextOperation::State* state) noexcept;

  detail::EngineHandle engine_;
  ScanNextOperation::State* state_;  // counted: shared with the fetch under way
};

}  // namespace dictsqlite
