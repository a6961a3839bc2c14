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
#include <type_traits>
#include <utility>
#include <vector>

namespace dictsqlite::asio {
namespace detail {

/// Which cancellation an operation answers.
enum class Effect { kReads, kWrites };

inline bool is_cancelled_by(::asio::cancellation_type_t type, Effect effect) noexcept {
  using Type = ::asio::cancellation_type;
  const auto answered = effect == Effect::kReads ? Type::terminal | Type::partial | Type::total
                                                 : Type::terminal | Type::partial;
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

/// A started operation and the handler that waits for it. Two sides look at it: the library, which delivers the result
/// on whatever thread, and the cancellation slot.
///
/// Thread-safety: phase_ decides which side gets the handler; that one alone touches it from there on.
/// Ownership:     shared by the library until it has delivered, by the posted handler, and weakly by the slot.
/// Orderings: none. The handler was in place before either side could know of it, and asio's post orders the rest.
template <class Handler, class Result>
class Wait : public std::enable_shared_from_this<Wait<Handler, Result>> {
 public:
  Wait(Handler handler, std::size_t count) : guard_(::asio::make_work_guard(handler)), count_(count) {
    handler_.emplace(std::move(handler));
  }

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
        .via(Executor{this, &Wait::post})
        .start([self = this->shared_from_this()](Result result) noexcept { self->deliver(std::move(result)); });
  }

 private:
  enum class Phase { kWaiting, kPosted, kCancelled };  // leaves kWaiting once

  /// What asio runs: the library's work, which delivers the result, and then the handler with it.
  class Posted {
   public:
    using allocator_type = ::asio::associated_allocator_t<Handler>;

    Posted(std::shared_ptr<Wait> wait, Work* work) noexcept
        : allocator_(::asio::get_associated_allocator(*wait->handler_)), wait_(std::move(wait)), work_(work) {}
    Posted(Posted&& other) noexcept
        : allocator_(other.allocator_), wait_(std::move(other.wait_)), work_(std::exchange(other.work_, nullptr)) {}
    Posted& operator=(Posted&&) = delete;
    /// Not run, because its context was destroyed: the library's work wants to end all the same.
    ~Posted() {
      if (wait_ == nullptr) return;
      if (work_ != nullptr) work_->run(work_);
      wait_->handler_.reset();
    }

    allocator_type get_allocator() const noexcept { return allocator_; }

    void operator()() {
      if (work_ != nullptr) std::exchange(work_, nullptr)->run(work_now_gone());
      finish(std::move(wait_));
    }

   private:
    allocator_type allocator_;
    std::shared_ptr<Wait> wait_;
    Work* work_;
  };
};

}  // namespace detail
}  // namespace dictsqlite::asio
