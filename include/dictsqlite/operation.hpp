/// \file
/// Operations: what the `x_async` functions return. One operation, three ways to run it:
///
///     Result r = co_await op;                            // in a coroutine
///     Result r = co_await std::move(op).via(executor);   // the same, resuming there
///     std::move(op).start([](Result r) noexcept {...});  // without coroutines
///
/// An operation is lazy: nothing happens before it is awaited or started, except that arguments are copied and limits
/// checked when it is made. It may be moved until then. It runs once. Destroying it while a coroutine is suspended
/// in it (by destroying the coroutine) is safe: a write that was handed over still happens, its outcome is dropped.
///
/// Where it resumes, first hit wins: `.via(executor)`; what the awaiting promise offers by a member
/// `dictsqlite_executor()`; Options::executor; the library's resume thread. What is ready at once (a cache hit, an
/// accepted write) does not suspend at all and goes on where it is; start() then calls back before it returns,
/// unless `.via` was given.
///
/// Operations hold the engine: one that is started after the database was closed or destroyed ends in
/// kFailedPrecondition.
#pragma once

#include <dictsqlite/detail/completion.hpp>
#include <dictsqlite/detail/few_bytes.hpp>
#include <dictsqlite/executor.hpp>
#include <dictsqlite/export.hpp>
#include <dictsqlite/options.hpp>
#include <dictsqlite/value.hpp>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <concepts>
#include <coroutine>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite {

/// What every operation has in common. Derived classes supply try_now(), suspend() and take().
template <class Derived, class ResultType>
class Operation {
 public:
  using Result = ResultType;

  Operation(Operation&& other) noexcept
      : engine_(std::move(other.engine_)),
        executor_(other.executor_),
        completion_(std::exchange(other.completion_, nullptr)) {}
  Operation& operator=(Operation&&) = delete;

  bool await_ready() noexcept { return self().try_now(); }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
    Executor executor = executor_;
    if constexpr (requires {
                    { coroutine.promise().dictsqlite_executor() } -> std::convertible_to<Executor>;
                  }) {
      if (!executor) executor = coroutine.promise().dictsqlite_executor();
    }
    return suspend_with(
        executor, [](void* address) noexcept { std::coroutine_handle<>::from_address(address).resume(); },
        coroutine.address());
  }

  [[nodiscard]] Result await_resume() noexcept { return self().take(); }

  /// Goes on in `executor`, whose context must live as long as executor.hpp says.
  [[nodiscard]] Derived via(Executor executor) && noexcept {
    executor_ = executor;
    return std::move(self());
  }

  /// Runs the operation and calls `callback(Result)` once: before start() returns if the result is ready at once and
  /// no `.via` was given, or if there is no memory for anything else; otherwise on the executor, or never if that one
  /// drops its work. Without memory to wait, what is not ready ends in kResourceExhausted, an accepted durable write in
  /// kUnknown. Neither `callback` nor its move may throw. Cost: one allocation unless ready at once.
  template <class Callback>
    requires std::invocable<Callback&, Result>
  void start(Callback callback) && {
    // On the heap until it has called back or is dropped.
    struct Started : Work {
      Started(Derived&& started, Callback&& wanted) noexcept
          : operation(std::move(started)), callback(std::move(wanted)) {
        run = [](Work* work) noexcept {
          const std::unique_ptr<Started> self(static_cast<Started*>(work));
          self->callback(self->operation.take());
        };
        drop = [](Work* work) noexcept { delete static_cast<Started*>(work); };
      }
      Derived operation;
      Callback callback;
    };
    const bool ready = self().try_now();
    if (ready && !executor_) {
      callback(self().take());
      return;
    }
    const Executor executor = executor_;
    // What was accepted by now is not undone if there is no memory to wait for it.
    auto* const started = new (std::nothrow) Started(std::move(self()), std::move(callback));
    if (started == nullptr) {
      if (!ready) self().fail_now(absl::StatusCode::kResourceExhausted, kNoMemoryToWait);
      callback(self().take());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): only moved into memory
      return;
    }
    if (!ready && started->operation.suspend_with(executor, nullptr, static_cast<Work*>(started))) return;
    executor ? executor(started) : started->run(started);
  }

  /// Runs the operation and blocks the thread until its result is ready. Not on the library's own threads.
  [[nodiscard]] Result wait() && {
    if (self().try_now()) return self().take();
    if (suspend_with(inline_executor(), &detail::signal, nullptr)) detail::wait(completion_);
    return self().take();
  }

 protected:
  explicit Operation(detail::EngineHandle engine) noexcept : engine_(std::move(engine)) {}
  ~Operation() { abandon(); }

  /// The outcome is not wanted any more: whoever waits for it is not resumed from now on. For derived destructors that
  /// take longer than a moment, before anything else.
  void abandon() noexcept {
    if (completion_ != nullptr) detail::abandon(std::exchange(completion_, nullptr));
  }

  /// Null after the operation was moved from, or made from an empty Database.
  [[nodiscard]] detail::Engine* engine() const noexcept { return engine_.get(); }
  [[nodiscard]] detail::Completion* completion() const noexcept { return completion_; }

  detail::EngineHandle engine_;

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }

  static constexpr const char* kNoMemoryToWait = "no memory to wait for the operation";

  // After try_now() said no. True: the completion is handed over, and *this may be gone already. False: the result can
  // be taken now. `resume` and `context` as a Completion has them; `context` null: the completion itself.
  bool suspend_with(Executor executor, void (*resume)(void*) noexcept, void* context) noexcept {
    completion_ = detail::new_completion(engine_, executor, resume, context);
    if (completion_ == nullptr) {
      self().fail_now(absl::StatusCode::kResourceExhausted, kNoMemoryToWait);
      return false;
    }
    if (context == nullptr) completion_->context = completion_;
    // What suspend() rings after it handed the completion over must be there, although by then the coroutine may have
    // gone on elsewhere and taken everything down.
    const detail::EngineHandle keep = engine_.share();
    return self().suspend(completion_);
  }

  Executor executor_{};
  detail::Completion* completion_ = nullptr;
};

namespace detail {

/// An owned copy of a key: short ones without an allocation.
class KeyCopy {
 public:
  static constexpr std::size_t kInlineBytes = 47;

  KeyCopy() noexcept = default;
  explicit KeyCopy(std::string_view key) noexcept : size_(key.size()) {
    if (size_ <= kInlineBytes) {
      copy_few<kInlineBytes>(inline_, key.data(), size_);
      return;
    }
    heap_ = static_cast<char*>(std::malloc(size_));
    if (heap_ != nullptr) {
      std::memcpy(heap_, key.data(), size_);
    } else {
      size_ = 0;
      out_of_memory_ = true;
    }
  }
  KeyCopy(KeyCopy&& other) noexcept
      : size_(std::exchange(other.size_, 0)),
        heap_(std::exchange(other.heap_, nullptr)),
        out_of_memory_(other.out_of_memory_) {
    if (heap_ == nullptr) copy_few<kInlineBytes>(inline_, other.inline_, size_);
  }
  KeyCopy& operator=(KeyCopy&&) = delete;
  ~KeyCopy() {
    if (heap_ != nullptr) std::free(heap_);  // a call that most keys can do without
  }

  [[nodiscard]] std::string_view view() const noexcept { return {heap_ != nullptr ? heap_ : inline_, size_}; }
  [[nodiscard]] bool out_of_memory() const noexcept { return out_of_memory_; }

 private:
  std::size_t size_ = 0;
  char* heap_ = nullptr;
  bool out_of_memory_ = false;
  char inline_[kInlineBytes];
};

/// The outcome of an operation that ended without a completion. `message` is a literal.
struct Immediate {
  absl::StatusCode code = absl::StatusCode::kOk;
  const char* message = "";
};

enum class WriteStep : std::uint8_t { kRefused, kMade, kAccepted };

}  // namespace detail

/// Result of get_async: the value, or kNotFound with an empty message.
class [[nodiscard]] GetOperation : public Operation<GetOperation, absl::StatusOr<Value>> {
 public:
  GetOperation(detail::EngineHandle engine, std::string_view key) noexcept : Operation(std::move(engine)), key_(key) {}
  GetOperation(GetOperation&&) noexcept = default;

 private:
  friend class Operation<GetOperation, absl::StatusOr<Value>>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  bool try_table() noexcept;
  bool try_all() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  Result take() noexcept {
    if (hit_) return std::move(value_);
    return take_other();
  }
  DICTSQLITE_EXPORT Result take_other() noexcept;
  void fail_now(absl::StatusCode code, const char* message) noexcept { immediate_ = {code, message}; }

  detail::KeyCopy key_;
  bool hit_ = false;     // the result is value_
  bool waited_ = false;  // the result is in the completion
  detail::Immediate immediate_;
  Value value_;
};

/// Result of contains_async.
class [[nodiscard]] ContainsOperation : public Operation<ContainsOperation, absl::StatusOr<bool>> {
 public:
  ContainsOperation(detail::EngineHandle engine, std::string_view key) noexcept
      : Operation(std::move(engine)), key_(key) {}
  ContainsOperation(ContainsOperation&&) noexcept = default;

 private:
  friend class Operation<ContainsOperation, absl::StatusOr<bool>>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  void fail_now(absl::StatusCode code, const char* message) noexcept { immediate_ = {code, message}; }

  detail::KeyCopy key_;
  detail::Immediate immediate_;
  bool waited_ = false;  // the result is in the completion
};

/// Result of set_async, erase_async and write_async.
class [[nodiscard]] WriteOperation : public Operation<WriteOperation, absl::Status> {
 public:
  WriteOperation(WriteOperation&& other) noexcept
      : Operation(std::move(other)),
        entry_(std::exchange(other.entry_, nullptr)),
        sequence_(other.sequence_),
        ack_(other.ack_),
        step_(other.step_),
        immediate_(other.immediate_),
        message_(std::move(other.message_)) {}
  DICTSQLITE_EXPORT ~WriteOperation();

  /// Refused when it was made, for a reason in its input.
  WriteOperation(detail::EngineHandle engine, absl::StatusCode code, std::string message) noexcept
      : Operation(std::move(engine)), immediate_{code, ""}, message_(std::move(message)) {}
  /// `entry` is the library's record of the write; owned.
  WriteOperation(detail::EngineHandle engine, void* entry, Ack ack) noexcept
      : Operation(std::move(engine)), entry_(entry), ack_(ack), step_(detail::WriteStep::kMade) {}

 private:
  friend class Operation<WriteOperation, absl::Status>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  DICTSQLITE_EXPORT void fail_now(absl::StatusCode code, const char* message) noexcept;

  void* entry_ = nullptr;
  std::uint64_t sequence_ = 0;
  Ack ack_ = Ack::kAccepted;
  detail::WriteStep step_ = detail::WriteStep::kRefused;
  detail::Immediate immediate_;
  std::string message_;  // of a refusal that needs more than a literal
};

/// Result of batch_get_async: one result per key, in the order given.
class [[nodiscard]] BatchGetOperation : public Operation<BatchGetOperation, std::vector<absl::StatusOr<Value>>> {
 public:
  DICTSQLITE_EXPORT BatchGetOperation(detail::EngineHandle engine, std::span<const std::string_view> keys);
  BatchGetOperation(BatchGetOperation&& other) noexcept
      : Operation(std::move(other)), state_(std::exchange(other.state_, nullptr)) {}
  DICTSQLITE_EXPORT ~BatchGetOperation();

 private:
  friend class Operation<BatchGetOperation, std::vector<absl::StatusOr<Value>>>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  DICTSQLITE_EXPORT void fail_now(absl::StatusCode code, const char* message) noexcept;

  struct State;
  State* state_;  // counted: shared with the loads it waits for
};

/// Result of sync_async, flush_async and close_async.
class [[nodiscard]] FenceOperation : public Operation<FenceOperation, absl::Status> {
 public:
  enum class Kind : std::uint8_t { kSync, kFlush, kClose };
  FenceOperation(detail::EngineHandle engine, Kind kind) noexcept : Operation(std::move(engine)), kind_(kind) {}
  FenceOperation(FenceOperation&&) noexcept = default;

 private:
  friend class Operation<FenceOperation, absl::Status>;
  DICTSQLITE_EXPORT bool try_now() noexcept;
  DICTSQLITE_EXPORT bool suspend(detail::Completion* completion) noexcept;
  DICTSQLITE_EXPORT Result take() noexcept;
  void fail_now(absl::StatusCode code, const char* message) noexcept { immediate_ = {code, message}; }

  Kind kind_;
  detail::Immediate immediate_;
};

}  // namespace dictsqlite
