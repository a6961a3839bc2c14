/// \file
/// For programs on standalone asio (1.22 or later): every operation as an initiating function. Not part of
/// dictsqlite.hpp; include it where you have asio.
///
/// \code
/// absl::Status s = co_await dictsqlite::asio::async_set(db, "player:1", bytes, asio::use_awaitable);
/// dictsqlite::asio::async_get(db, "player:1", asio::bind_executor(io, [](absl::StatusOr<dictsqlite::Value> v) {...}));
/// std::future<absl::Status> f = dictsqlite::asio::async_flush(db, asio::use_future);
/// \endcode
///
/// Any completion token works. Arguments are copied at the call and errors come as the absl::Status of the result,
/// never as an exception or error_code.
///
/// Where the handler runs: always through its associated executor, never inside the initiating function and never on
/// a thread of the library's, whatever the result and Options::executor are. A handler without an executor of its own
/// runs, as asio has it, on the threads of asio::system_context.
/// Until then a work guard keeps the executor's context running. The context must not be destroyed before the
/// operation has ended; a handler that was posted and not run when the context is destroyed goes with it.
/// The handler's associated allocator serves the post. If it has no memory for that, the process ends.
///
/// Cancelling, through the handler's associated cancellation slot, ends the wait at once with kCancelled: of a read
/// by any cancellation type; of everything else by `terminal` and `partial`, because a write that was handed over
/// still happens. The operation itself goes on inside the library and its outcome is dropped. As everywhere in asio,
/// the slot's signal must not be emitted at the same time as the handler runs.
///
/// Cost beside the operation: two allocations of the size of handler and result.
#pragma once

#include <dictsqlite/database.hpp>
#include <dictsqlite/executor.hpp>
#include <dictsqlite/operation.hpp>
#include <dictsqlite/options.hpp>
#include <dictsqlite/value.hpp>
#include <dictsqlite/write_batch.hpp>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::asio {
namespace detail {

/// Which cancellation an operation answers.
enum class Effect { kReads, kWrites };

inline bool is_cancelled_by(::asio::cancellation_type_t type, Effect effect) noexcept {
  using Type = ::asio::cancellation_type;
  const auto answered =
      effect == Effect::kReads ? Type::terminal | Type::partial | Type::total : Type::terminal | Type::partial;
  return (type & answered) != Type::none;
}

/// The result of an operation that was cancelled.
template <class Result>
struct Cancelled {
  static Result make(std::size_t) { return absl::CancelledError("cancelled by its cancellation slot"); }
};
template <class Row>
struct Cancelled<std::vector<absl::StatusOr<Row>>> {
  static std::vector<absl::StatusOr<Row>> make(std::size_t count) {
    return std::vector<absl::StatusOr<Row>>(count, absl::CancelledError("cancelled by its cancellation slot"));
  }
};

/// A started operation and the handler that waits for it. Two may want to end the wait: the library, with the result,
/// on whatever thread; and the cancellation slot.
///
/// Thread-safety: phase_ lets one of the two through; that one alone touches handler, guard and result from there on.
/// Ownership:     shared by the library until it has delivered and by the posted handler; the slot holds it weakly.
/// Orderings:     phase_ is relaxed throughout. It only decides: all else was in place before either side was told of
///                the wait, and post() carries what the winner writes to the thread that runs the handler.
template <class Handler, class Result>
class Wait : public std::enable_shared_from_this<Wait<Handler, Result>> {
 public:
  Wait(Handler&& handler, std::size_t count)
      : guard_(::asio::make_work_guard(handler)), handler_(std::move(handler)), count_(count) {}

  template <class Operation>
  void start(Operation operation, Effect effect) {
    auto slot = ::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this(), effect](::asio::cancellation_type_t type) {
        const std::shared_ptr<Wait> self = weak.lock();
        if (self != nullptr && is_cancelled_by(type, effect)) self->cancel();
      });
    }
    std::move(operation)
        .via(Executor{this, &Wait::run_on_handlers_executor})
        .start([self = this->shared_from_this()](Result result) noexcept { self->deliver(std::move(result)); });
  }

 private:
  enum class Phase { kWaiting, kDelivered, kCancelled };  // leaves kWaiting once

  /// What asio runs, once: work of the library's, if any, which delivers the result; then the handler.
  class Posted {
   public:
    using allocator_type = ::asio::associated_allocator_t<Handler>;

    Posted(std::shared_ptr<Wait> wait, Work* work) noexcept
        : allocator_(::asio::get_associated_allocator(*wait->handler_)), wait_(std::move(wait)), work_(work) {}
    Posted(Posted&& other) noexcept
        : allocator_(other.allocator_), wait_(std::move(other.wait_)), work_(std::exchange(other.work_, nullptr)) {}
    Posted& operator=(Posted&&) = delete;
    /// Without having run if its context was destroyed. The library's work has to end all the same.
    ~Posted() {
      if (wait_ == nullptr) return;
      run_work();
      wait_->handler_.reset();
      wait_->guard_.reset();
    }

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_; }

    void operator()() {
      run_work();
      auto slot = ::asio::get_associated_cancellation_slot(*wait_->handler_);
      if (slot.is_connected()) slot.clear();
      // Out of the wait and the wait given up before the call: a late library must find nothing of the user's in it.
      const auto guard = std::move(wait_->guard_);
      Handler handler = std::move(*wait_->handler_);
      Result result = std::move(*wait_->result_);
      wait_->handler_.reset();
      wait_.reset();
      std::move(handler)(std::move(result));
    }

   private:
    void run_work() noexcept {
      if (Work* work = std::exchange(work_, nullptr); work != nullptr) work->run(work);
    }

    allocator_type allocator_;
    std::shared_ptr<Wait> wait_;
    Work* work_;
  };

  /// Phase kWaiting is left for `phase`; false if it was left before.
  [[nodiscard]] bool end(Phase phase) noexcept {
    Phase waiting = Phase::kWaiting;
    return phase_.compare_exchange_strong(waiting, phase, std::memory_order_relaxed, std::memory_order_relaxed);
  }

  void post(Work* work) { ::asio::post(guard_.get_executor(), Posted(this->shared_from_this(), work)); }

  /// The operation's executor. `work` owns the callback and so keeps the wait alive until it has run.
  static void run_on_handlers_executor(void* context, Work* work) noexcept {
    auto* wait = static_cast<Wait*>(context);
    if (wait->end(Phase::kDelivered)) {
      wait->post(work);
    } else {
      work->run(work);  // cancelled: drops the result, and nothing of the user's is left to run
    }
  }

  /// The operation's callback: inside Posted, or inside start() where the library had no need or no memory to post.
  void deliver(Result&& result) noexcept {
    const bool inside_start = end(Phase::kDelivered);
    if (phase_.load(std::memory_order_relaxed) == Phase::kCancelled) return;
    result_.emplace(std::move(result));
    if (inside_start) post(nullptr);
  }

  void cancel() {
    if (!end(Phase::kCancelled)) return;
    result_.emplace(Cancelled<Result>::make(count_));
    post(nullptr);
  }

  std::atomic<Phase> phase_{Phase::kWaiting};
  ::asio::executor_work_guard<::asio::associated_executor_t<Handler>> guard_;
  std::optional<Handler> handler_;
  std::optional<Result> result_;
  const std::size_t count_;
};

/// Starts `operation` for `token`. `count`: how many results it has, where that is not one.
template <class Operation, class Token>
auto initiate(Operation operation, Effect effect, Token& token, std::size_t count = 1) {
  using Result = typename Operation::Result;
  return ::asio::async_initiate<Token, void(Result)>(
      [effect, count](auto handler, Operation started) {
        using Handler = decltype(handler);
        std::make_shared<Wait<Handler, Result>>(std::move(handler), count)->start(std::move(started), effect);
      },
      token, std::move(operation));
}

}  // namespace detail

/// Database::set_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_set(Database& db, std::string_view key, std::string_view value, WriteOptions options, Token&& token) {
  return detail::initiate(db.set_async(key, value, options), detail::Effect::kWrites, token);
}
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_set(Database& db, std::string_view key, std::string_view value, Token&& token) {
  return detail::initiate(db.set_async(key, value), detail::Effect::kWrites, token);
}

/// Database::erase_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_erase(Database& db, std::string_view key, WriteOptions options, Token&& token) {
  return detail::initiate(db.erase_async(key, options), detail::Effect::kWrites, token);
}
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_erase(Database& db, std::string_view key, Token&& token) {
  return detail::initiate(db.erase_async(key), detail::Effect::kWrites, token);
}

/// Database::write_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_write(Database& db, const WriteBatch& batch, WriteOptions options, Token&& token) {
  return detail::initiate(db.write_async(batch, options), detail::Effect::kWrites, token);
}
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_write(Database& db, const WriteBatch& batch, Token&& token) {
  return detail::initiate(db.write_async(batch), detail::Effect::kWrites, token);
}

/// Database::get_async(). Completes with absl::StatusOr<Value>.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::StatusOr<Value>)) Token>
auto async_get(Database& db, std::string_view key, Token&& token) {
  return detail::initiate(db.get_async(key), detail::Effect::kReads, token);
}

/// Database::contains_async(). Completes with absl::StatusOr<bool>.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::StatusOr<bool>)) Token>
auto async_contains(Database& db, std::string_view key, Token&& token) {
  return detail::initiate(db.contains_async(key), detail::Effect::kReads, token);
}

/// Database::batch_get_async(). Completes with std::vector<absl::StatusOr<Value>>, in the order of the keys.
template <ASIO_COMPLETION_TOKEN_FOR(void(std::vector<absl::StatusOr<Value>>)) Token>
auto async_batch_get(Database& db, std::span<const std::string_view> keys, Token&& token) {
  return detail::initiate(db.batch_get_async(keys), detail::Effect::kReads, token, keys.size());
}

/// Database::sync_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_sync(Database& db, Token&& token) {
  return detail::initiate(db.sync_async(), detail::Effect::kWrites, token);
}

/// Database::flush_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_flush(Database& db, Token&& token) {
  return detail::initiate(db.flush_async(), detail::Effect::kWrites, token);
}

/// Database::close_async(). Completes with absl::Status.
template <ASIO_COMPLETION_TOKEN_FOR(void(absl::Status)) Token>
auto async_close(Database& db, Token&& token) {
  return detail::initiate(db.close_async(), detail::Effect::kWrites, token);
}

}  // namespace dictsqlite::asio
