// Goal: the adapter for asio gives each result once, through the handler's own executor, with every kind of token; and
// a cancelled wait ends at once whatever the library does later.
// Method: a database in memory for the tokens; for the order of events, an operation that ends when the test says so.
#include <dictsqlite/asio.hpp>
#include <dictsqlite/database.hpp>

#include "support/start_line.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <asio/associated_allocator.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

// --- tokens --------------------------------------------------------------------------------------------------------

class AsioDatabase : public testing::Test {
 protected:
  void SetUp() override {
    Options options;
    options.persist_mode = PersistMode::kMemory;
    absl::StatusOr<Database> opened = Database::open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    db = std::move(*opened);
  }
  ::asio::io_context io;
  Database db;
};

::asio::awaitable<void> write_and_read(Database& db, std::string& seen) {
  EXPECT_TRUE((co_await asio::async_set(db, "a", "1", ::asio::use_awaitable)).ok());
  EXPECT_TRUE(
      (co_await asio::async_set(db, "b", "2", WriteOptions{.ack = Ack::kAccepted}, ::asio::use_awaitable)).ok());
  EXPECT_TRUE((co_await asio::async_set(db, "c", "3", ::asio::use_awaitable)).ok());
  EXPECT_TRUE((co_await asio::async_erase(db, "b", ::asio::use_awaitable)).ok());
  const absl::StatusOr<bool> found = co_await asio::async_contains(db, "c", ::asio::use_awaitable);
  EXPECT_TRUE(found.ok() && *found);

  const std::array<std::string_view, 3> keys{"c", "b", "a"};
  for (const auto& value : co_await asio::async_batch_get(db, keys, ::asio::use_awaitable)) {
    seen += value.ok() ? std::string(value->view()) : "-";
  }
}

TEST_F(AsioDatabase, UseAwaitable) {
  std::string seen;
  ::asio::co_spawn(io, write_and_read(db, seen), ::asio::detached);
  io.run();
  EXPECT_EQ(seen, "3-1");
}

TEST_F(AsioDatabase, UseFuture) {
  ASSERT_TRUE(asio::async_set(db, "key", "value", ::asio::use_future).get().ok());
  const absl::StatusOr<Value> value = asio::async_get(db, "key", ::asio::use_future).get();
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->view(), "value");
  EXPECT_EQ(asio::async_get(db, "other", ::asio::use_future).get().status().code(), absl::StatusCode::kNotFound);
}

TEST(AsioDatabaseOnDisk, FlushesAndReadsAfterReopeningCold) {
  const testing_support::TemporaryDirectory directory;
  Options options;
  options.path = directory.file("asio.db");
  const std::array<std::string_view, 2> keys{"key", "other"};
  for (const bool written : {false, true}) {
    absl::StatusOr<Database> opened = Database::open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    if (!written) {
      ASSERT_TRUE(asio::async_set(*opened, "key", "value", {.ack = Ack::kDurable}, ::asio::use_future).get().ok());
      EXPECT_TRUE(asio::async_flush(*opened, ::asio::use_future).get().ok());
    } else {
      const auto values = asio::async_batch_get(*opened, keys, ::asio::use_future).get();
      ASSERT_EQ(values.size(), 2U);
      ASSERT_TRUE(values[0].ok()) << values[0].status();
      EXPECT_EQ(values[0]->view(), "value");
      EXPECT_EQ(values[1].status().code(), absl::StatusCode::kNotFound);
    }
    EXPECT_TRUE(asio::async_close(*opened, ::asio::use_future).get().ok());
  }
}

TEST_F(AsioDatabase, ErrorsAreResults) {
  EXPECT_EQ(asio::async_set(db, "", "value", ::asio::use_future).get().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(asio::async_flush(db, ::asio::use_future).get().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(asio::async_close(db, ::asio::use_future).get().ok());
  EXPECT_EQ(asio::async_get(db, "key", ::asio::use_future).get().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(AsioDatabase, ACallbackRunsOnItsExecutorAlsoWhenTheResultIsReady) {
  ASSERT_TRUE(db.set("key", "value").ok());
  std::optional<std::thread::id> ran_on;
  asio::async_get(db, "key", ::asio::bind_executor(io, [&ran_on](absl::StatusOr<Value> value) {
                    EXPECT_EQ(value.value().view(), "value");
                    ran_on = std::this_thread::get_id();
                  }));
  EXPECT_FALSE(ran_on.has_value());
  io.run();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(AsioDatabase, ManyCoroutinesAtOnce) {
  constexpr int kCoroutines = 500;
  int ended = 0;
  auto one = [](Database& base, int index, int& count) -> ::asio::awaitable<void> {
    const std::string key = std::to_string(index);
    EXPECT_TRUE((co_await asio::async_set(base, key, key, ::asio::use_awaitable)).ok());
    const absl::StatusOr<Value> value = co_await asio::async_get(base, key, ::asio::use_awaitable);
    if (value.ok() && value->view() == key) ++count;
  };
  for (int index = 0; index < kCoroutines; ++index) ::asio::co_spawn(io, one(db, index, ended), ::asio::detached);
  io.run();
  EXPECT_EQ(ended, kCoroutines);
}

// --- order of events -----------------------------------------------------------------------------------------------

// An operation like ours, as far as the adapter can see, that ends when the test says so.
class Library {
 public:
  class Operation {
   public:
    using Result = absl::Status;

    explicit Operation(Library& library) : library_(&library) {}
    Operation via(Executor executor) && {
      executor_ = executor;
      return *this;
    }
    template <class Callback>
    void start(Callback callback) && {
      library_->executor_ = executor_;
      // std::function wants to copy; the callback is moved into something that it can.
      auto shared = std::make_shared<Callback>(std::move(callback));
      library_->callback_ = [shared](absl::Status status) { (*shared)(std::move(status)); };
      if (library_->ready_) library_->call_back();
    }

   private:
    Library* library_;
    Executor executor_;
  };

  Operation operation() { return Operation(*this); }
  /// The next operation calls back before start() returns, as ours do where they have no memory to wait.
  void be_ready() { ready_ = true; }
  /// Ends the operation, through the executor it was given.
  void deliver() {
    work_.library = this;
    work_.run = [](Work* work) noexcept { static_cast<Delivery*>(work)->library->call_back(); };
    executor_(&work_);
  }
  [[nodiscard]] bool waiting() const { return callback_ != nullptr; }

 private:
  struct Delivery : Work {
    Library* library = nullptr;
  };
  void call_back() {
    const auto callback = std::exchange(callback_, nullptr);
    callback(absl::OkStatus());
  }

  bool ready_ = false;
  Executor executor_;
  std::function<void(absl::Status)> callback_;
  Delivery work_;
};

class AsioEvents : public testing::Test {
 protected:
  template <class Token>
  auto start(asio::detail::Effect effect, Token&& token) {
    return asio::detail::initiate(library.operation(), effect, token);
  }
  auto note() {
    return [this](const absl::Status& status) { codes.push_back(status.code()); };
  }
  auto bound_note() {
    return ::asio::bind_cancellation_slot(signal.slot(), ::asio::bind_executor(io->get_executor(), note()));
  }

  std::vector<absl::StatusCode> codes;
  Library library;
  ::asio::cancellation_signal signal;
  std::unique_ptr<::asio::io_context> io = std::make_unique<::asio::io_context>();

  const std::vector<absl::StatusCode> kOkOnce{absl::StatusCode::kOk};
  const std::vector<absl::StatusCode> kCancelledOnce{absl::StatusCode::kCancelled};
};

TEST_F(AsioEvents, TheHandlerRunsOnceOnItsExecutor) {
  start(asio::detail::Effect::kReads, bound_note());
  EXPECT_EQ(io->poll(), 0U);
  EXPECT_FALSE(io->stopped());  // the work guard
  library.deliver();
  EXPECT_TRUE(codes.empty());
  io->run();
  EXPECT_EQ(codes, kOkOnce);
  EXPECT_FALSE(library.waiting());
}

TEST_F(AsioEvents, AResultGivenInsideTheInitiatingFunctionIsPostedToo) {
  library.be_ready();
  start(asio::detail::Effect::kReads, bound_note());
  EXPECT_TRUE(codes.empty());
  io->run();
  EXPECT_EQ(codes, kOkOnce);
}

TEST_F(AsioEvents, ACancelledWaitEndsAtOnceAndTheLateResultIsDropped) {
  start(asio::detail::Effect::kReads, bound_note());
  signal.emit(::asio::cancellation_type::total);
  EXPECT_TRUE(codes.empty());
  io->run();
  EXPECT_EQ(codes, kCancelledOnce);
  io.reset();  // the user is done with it: a late library must not touch it
  library.deliver();
  EXPECT_EQ(codes, kCancelledOnce);
  EXPECT_FALSE(library.waiting());
}

TEST_F(AsioEvents, ALateResultMayComeBeforeTheCancelledHandlerHasRun) {
  start(asio::detail::Effect::kReads, bound_note());
  signal.emit(::asio::cancellation_type::terminal);
  library.deliver();
  io->run();
  EXPECT_EQ(codes, kCancelledOnce);
}

TEST_F(AsioEvents, CancellingAfterTheResultChangesNothing) {
  start(asio::detail::Effect::kReads, bound_note());
  library.deliver();
  signal.emit(::asio::cancellation_type::terminal);
  io->run();
  signal.emit(::asio::cancellation_type::terminal);
  EXPECT_EQ(codes, kOkOnce);
}

TEST_F(AsioEvents, CancellingTwiceEndsOnce) {
  start(asio::detail::Effect::kReads, bound_note());
  signal.emit(::asio::cancellation_type::terminal);
  signal.emit(::asio::cancellation_type::terminal);
  io->run();
  EXPECT_EQ(codes, kCancelledOnce);
  library.deliver();
}

TEST_F(AsioEvents, ACancellationAndAResultAtTheSameTimeEndTheWaitOnce) {
  constexpr std::size_t kRounds = 500;
  testing_support::StartLine start_line(2);
  std::thread deliverer([&] {
    for (std::size_t round = 0; round < kRounds; ++round) {
      start_line.arrive();
      library.deliver();
      start_line.arrive();
    }
  });
  for (std::size_t round = 1; round <= kRounds; ++round) {
    start(asio::detail::Effect::kReads, bound_note());
    start_line.arrive();
    signal.emit(::asio::cancellation_type::terminal);
    start_line.arrive();
    io->restart();
    io->run();
    ASSERT_EQ(codes.size(), round);
    ASSERT_FALSE(library.waiting());
  }
  deliverer.join();
}

// `total` asks for no effect at all, which cannot be had of a write that was handed over.
TEST_F(AsioEvents, AWriteDoesNotAnswerTotalCancellation) {
  start(asio::detail::Effect::kWrites, bound_note());
  signal.emit(::asio::cancellation_type::total);
  EXPECT_EQ(io->poll(), 0U);
  signal.emit(::asio::cancellation_type::partial);
  io->run();
  EXPECT_EQ(codes, kCancelledOnce);
  library.deliver();
}

TEST_F(AsioEvents, AHandlerMayStartTheNextOperationOnTheSameSlot) {
  start(asio::detail::Effect::kReads,
        ::asio::bind_cancellation_slot(signal.slot(),
                                       ::asio::bind_executor(io->get_executor(), [this](const absl::Status& status) {
                                         codes.push_back(status.code());
                                         start(asio::detail::Effect::kReads, bound_note());
                                       })));
  library.deliver();
  io->run_one();
  EXPECT_EQ(codes, kOkOnce);
  signal.emit(::asio::cancellation_type::terminal);
  io->run();
  EXPECT_EQ(codes.back(), absl::StatusCode::kCancelled);
  library.deliver();
}

TEST_F(AsioEvents, AHandlerThatIsNotRunIsDestroyedWithItsContext) {
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  start(asio::detail::Effect::kReads,
        ::asio::bind_executor(io->get_executor(), [this, held = std::move(resource)](const absl::Status& status) {
          codes.push_back(status.code());
        }));
  library.deliver();
  EXPECT_FALSE(watch.expired());
  io.reset();
  EXPECT_TRUE(watch.expired());
  EXPECT_TRUE(codes.empty());
  EXPECT_FALSE(library.waiting());
}

TEST_F(AsioEvents, AnExceptionOfTheHandlerComesOutOfRun) {
  start(asio::detail::Effect::kReads,
        ::asio::bind_executor(io->get_executor(), [](const absl::Status&) { throw std::runtime_error("handler"); }));
  library.deliver();
  EXPECT_THROW(io->run(), std::runtime_error);
}

template <class T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(int& counter) noexcept : count(&counter) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) noexcept : count(other.count) {}  // NOLINT: rebinding
  T* allocate(std::size_t size) {
    ++*count;
    return std::allocator<T>().allocate(size);
  }
  void deallocate(T* pointer, std::size_t size) noexcept { std::allocator<T>().deallocate(pointer, size); }
  template <class U>
  bool operator==(const CountingAllocator<U>& other) const noexcept {
    return count == other.count;
  }
  int* count;
};

struct AllocatingHandler {
  using allocator_type = CountingAllocator<char>;
  using executor_type = ::asio::io_context::executor_type;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*allocations); }
  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }
  void operator()(const absl::Status& status) const { codes->push_back(status.code()); }
  int* allocations;
  executor_type executor;
  std::vector<absl::StatusCode>* codes;
};

TEST_F(AsioEvents, TheHandlersAllocatorServesThePost) {
  int allocations = 0;
  start(asio::detail::Effect::kReads, AllocatingHandler{&allocations, io->get_executor(), &codes});
  library.deliver();
  io->run();
  EXPECT_EQ(codes, kOkOnce);
  EXPECT_EQ(allocations, 1);
}

}  // namespace
}  // namespace dictsqlite
