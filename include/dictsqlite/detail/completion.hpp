/// \file
/// What operations and the library share. Not for users: names and layout may change.
#pragma once

#include <dictsqlite/executor.hpp>
#include <dictsqlite/export.hpp>
#include <dictsqlite/value.hpp>

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite::detail {

class Engine;

/// Keeps an engine's memory alive: the tables and slabs, not its threads. Operations, values and scans hold one, so
/// that they may outlive the database. Counted by thread, so that threads do not share a counter.
class DICTSQLITE_EXPORT EngineHandle {
 public:
  EngineHandle() noexcept = default;
  /// Takes over a count.
  explicit EngineHandle(Engine* engine) noexcept : engine_(engine) {}
  EngineHandle(EngineHandle&& other) noexcept : engine_(std::exchange(other.engine_, nullptr)) {}
  EngineHandle& operator=(EngineHandle&& other) noexcept {
    if (this != &other) {
      reset();
      engine_ = std::exchange(other.engine_, nullptr);
    }
    return *this;
  }
  ~EngineHandle() { reset(); }

  /// Another handle to the same engine, or an empty one if this is empty.
  [[nodiscard]] EngineHandle share() const noexcept;
  [[nodiscard]] Engine* get() const noexcept { return engine_; }
  explicit operator bool() const noexcept { return engine_ != nullptr; }
  void reset() noexcept {
    if (engine_ != nullptr) release();
  }

 private:
  void release() noexcept;
  static void drop(Engine* engine) noexcept;

  Engine* engine_ = nullptr;
};

/// What a suspended operation leaves in the library: where it waits, how to go on, and its outcome. It lives outside
/// the coroutine frame and has two owners, the operation and whoever will complete it. Destroying the operation
/// marks it abandoned: it is then completed into nothing.
struct Completion : Work {
  enum class State : std::uint8_t { kWaiting, kDelivered, kAbandoned };

  // Ordered by who touches it when: a landing writes the first two cache lines and the value.

  // Set by the operation before it hands the completion over.
  Executor executor;                                 // where to go on
  void (*resume)(void* context) noexcept = nullptr;  // null: `context` is the Work to run, or to drop, instead
  void* context = nullptr;
  void (*intercept)(Completion*) noexcept = nullptr;  // called instead of going to the executor, if set
  void* intercept_context = nullptr;

  std::atomic<State> state{State::kWaiting};  // leaves kWaiting once: by the executor, or by abandon()
  std::atomic<std::uint32_t> references{2};   // the operation and the completer
  std::atomic<std::uint32_t> signal{0};       // set for blocking callers, see wait()

  // The library's while it waits: the list it is in and what it waits for.
  std::uint8_t kind = 0;
  Completion* next_waiter = nullptr;
  std::uint64_t sequence = 0;
  void* subject = nullptr;

  // Set by whoever completes it.
  absl::StatusCode code = absl::StatusCode::kOk;
  Value value;
  std::string message;

  EngineHandle engine;
};

/// A completion with two references, or nullptr if memory is short.
[[nodiscard]] DICTSQLITE_EXPORT Completion* new_completion(const EngineHandle& engine, Executor executor,
                                                           void (*resume)(void*) noexcept, void* context) noexcept;
/// Gives up one reference.
DICTSQLITE_EXPORT void release(Completion* completion) noexcept;
/// The operation no longer wants the outcome. Gives up its reference.
DICTSQLITE_EXPORT void abandon(Completion* completion) noexcept;
/// Sends a finished completion to its executor. Gives up the completer's reference.
DICTSQLITE_EXPORT void deliver(Completion* completion) noexcept;
/// Sets the outcome and delivers.
DICTSQLITE_EXPORT void complete(Completion* completion, absl::StatusCode code, std::string_view message = {}) noexcept;

/// Blocks the calling thread until the completion that `signalling` resumes has been delivered. Asserts that the
/// thread is not one of the library's.
DICTSQLITE_EXPORT void wait(Completion* completion) noexcept;
/// The `resume` of completions that a thread wait()s for; its context is the completion.
DICTSQLITE_EXPORT void signal(void* completion) noexcept;

/// A Status of the caller's own from code and text: never one object shared between threads.
[[nodiscard]] inline absl::Status make_status(absl::StatusCode code, const std::string& message) {
  return code == absl::StatusCode::kOk ? absl::OkStatus() : absl::Status(code, message);
}

}  // namespace dictsqlite::detail
