// Goal: a completion is delivered once, where it was told to, or not at all if nobody wants it any more; and its memory
// goes with the second of its two owners, whichever that is. Method: an engine without threads, an executor that the
// test pumps, and the engine's memory, which tells what is gone.
#include <dictsqlite/detail/completion.hpp>

#include "support/start_line.hpp"
#include "task/library_thread.hpp"
#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite::detail {
namespace {

using testing_support::StartLine;
using Code = absl::StatusCode;

class CompletionTest : public testing::Test {
 protected:
  ~CompletionTest() override { EXPECT_EQ(engine_.pool().used_bytes(), 0u) << "a completion was never freed"; }
  Completion* make(Executor executor) {
    Completion* const completion = new_completion(
        engine_.handle(), executor, [](void* count) noexcept { ++*static_cast<int*>(count); }, &resumed_);
    EXPECT_NE(completion, nullptr);
    return completion;
  }

  BareEngine engine_;
  ManualExecutor executor_;
  int resumed_ = 0;
};

TEST_F(CompletionTest, IsDeliveredOnItsExecutorWithItsOutcome) {
  Completion* const completion = make(executor_.executor());
  complete(completion, Code::kAborted, "for a reason");
  EXPECT_EQ(resumed_, 0) << "before the executor ran";
  EXPECT_EQ(executor_.poll(), 1u);
  EXPECT_EQ(resumed_, 1);
  EXPECT_EQ(completion->code, Code::kAborted);
  EXPECT_EQ(completion->message, "for a reason");
  EXPECT_EQ(completion->references.load(), 1u) << "the operation still has it";
  release(completion);
}

TEST_F(CompletionTest, GoesToTheEnginesExecutorIfItHasNone) {
  Options options = BareEngine::memory_only();
  options.executor = executor_.executor();
  BareEngine engine(options);
  Completion* const completion = new_completion(
      engine.handle(), Executor{}, [](void* count) noexcept { ++*static_cast<int*>(count); }, &resumed_);
  complete(completion, Code::kOk);
  EXPECT_EQ(resumed_, 0);
  EXPECT_EQ(executor_.poll(), 1u);
  EXPECT_EQ(resumed_, 1);
  release(completion);
  EXPECT_EQ(engine.pool().used_bytes(), 0u);
}

TEST_F(CompletionTest, AbandonedBeforeItIsDoneReachesNoExecutor) {
  Completion* const completion = make(executor_.executor());
  abandon(completion);
  complete(completion, Code::kOk);
  EXPECT_EQ(engine_.pool().used_bytes(), 0u) << "the completer was the last";
  EXPECT_EQ(executor_.poll(), 0u);
  EXPECT_EQ(resumed_, 0);
}

TEST_F(CompletionTest, AbandonedOnItsWayIsNotResumed) {
  Completion* const completion = make(executor_.executor());
  complete(completion, Code::kOk);
  abandon(completion);
  EXPECT_GT(engine_.pool().used_bytes(), 0u) << "it is in the executor's queue";
  EXPECT_EQ(executor_.poll(), 1u);
  EXPECT_EQ(resumed_, 0);
}

TEST_F(CompletionTest, DroppedOnItsWayIsLeftToItsOperation) {
  std::optional<ManualExecutor> ending(std::in_place);
  Completion* const completion = make(ending->executor());
  complete(completion, Code::kOk);
  ending.reset();
  EXPECT_EQ(resumed_, 0);
  EXPECT_EQ(completion->references.load(), 1u);
  abandon(completion);
}

TEST_F(CompletionTest, AbandonedAndThenDroppedOnItsWayIsFreed) {
  std::optional<ManualExecutor> ending(std::in_place);
  Completion* const completion = make(ending->executor());
  complete(completion, Code::kOk);
  abandon(completion);
  ending.reset();
  EXPECT_EQ(resumed_, 0);
}

TEST_F(CompletionTest, AbandonedAfterItWasDeliveredIsOnlyFreed) {
  Completion* const completion = make(inline_executor());
  complete(completion, Code::kOk);
  EXPECT_EQ(resumed_, 1);
  EXPECT_EQ(completion->state.load(), Completion::State::kDelivered);
  abandon(completion);
  EXPECT_EQ(resumed_, 1);
}

TEST_F(CompletionTest, AbandonedByAnotherThreadWhileItIsDeliveredIsFreedOnce) {
  constexpr std::size_t kRounds = 500;
  for (std::size_t round = 0; round < kRounds; ++round) {
    Completion* const completion = make(inline_executor());
    StartLine start(2);
    std::thread completer([&] {
      start.arrive();
      complete(completion, Code::kOk);
    });
    start.arrive();
    abandon(completion);
    completer.join();
    ASSERT_EQ(engine_.pool().used_bytes(), 0u) << "round " << round;
  }
  EXPECT_LE(resumed_, static_cast<int>(kRounds));
}

TEST_F(CompletionTest, AnInterceptedOneIsTheInterceptorsAlone) {
  Completion* const completion = make(executor_.executor());
  completion->intercept = [](Completion* intercepted) noexcept {
    *static_cast<Completion**>(intercepted->intercept_context) = intercepted;
  };
  Completion* intercepted = nullptr;
  completion->intercept_context = &intercepted;
  complete(completion, Code::kNotFound);
  EXPECT_EQ(intercepted, completion);
  EXPECT_EQ(completion->code, Code::kNotFound);
  EXPECT_EQ(executor_.poll(), 0u);
  EXPECT_EQ(resumed_, 0);
  release(completion);
  release(completion);
}

TEST_F(CompletionTest, KeepsTheEngineUntilItIsFreed) {
  BareEngine engine;
  Completion* const completion = new_completion(
      engine.handle(), executor_.executor(), [](void* count) noexcept { ++*static_cast<int*>(count); }, &resumed_);
  engine.end();
  complete(completion, Code::kOk);
  EXPECT_EQ(executor_.poll(), 1u);
  EXPECT_EQ(resumed_, 1);
  release(completion);  // AddressSanitizer says if the engine was gone before
}

TEST_F(CompletionTest, ThereIsNoneWithoutAnEngine) {
  EXPECT_EQ(new_completion(EngineHandle(), executor_.executor(), nullptr, nullptr), nullptr);
}

TEST_F(CompletionTest, ThereIsNoneWithoutMemory) {
  std::vector<Completion*> all;
  while (Completion* const completion = new_completion(engine_.handle(), executor_.executor(), nullptr, nullptr)) {
    all.push_back(completion);
  }
  EXPECT_GT(all.size(), 1000u);
  for (Completion* completion : all) {
    release(completion);
    release(completion);
  }
}

TEST_F(CompletionTest, ABlockedThreadGoesOnWhenItIsSignalled) {
  Completion* const completion = new_completion(engine_.handle(), inline_executor(), &signal, nullptr);
  completion->context = completion;
  std::thread completer([completion] { complete(completion, Code::kNotFound, "nobody"); });
  wait(completion);
  EXPECT_EQ(completion->code, Code::kNotFound);
  EXPECT_EQ(completion->message, "nobody");
  completer.join();
  release(completion);
}

TEST_F(CompletionTest, WaitingForWhatIsDoneReturnsAtOnce) {
  Completion* const completion = new_completion(engine_.handle(), inline_executor(), &signal, nullptr);
  completion->context = completion;
  complete(completion, Code::kOk);
  wait(completion);
  release(completion);
}

TEST(CompletionDeathTest, ALibrarysThreadThatWaitsAborts) {
  EXPECT_DEATH(
      {
        const BareEngine engine;
        Completion* const completion = new_completion(engine.handle(), inline_executor(), &signal, nullptr);
        const task::LibraryThreadMark mark("test");
        wait(completion);
      },
      "library");
}

TEST(CompletionDeathTest, DeliveredTwiceAborts) {
  EXPECT_DEATH(
      {
        const BareEngine engine;
        Completion* const completion = new_completion(
            engine.handle(), inline_executor(), [](void*) noexcept {}, nullptr);
        completion->references.fetch_add(1);
        complete(completion, Code::kOk);
        complete(completion, Code::kOk);
      },
      "delivered once");
}

TEST(MakeStatus, HasCodeAndText) {
  EXPECT_EQ(make_status(Code::kOk, "ignored"), absl::OkStatus());
  EXPECT_EQ(make_status(Code::kAborted, "text"), absl::AbortedError("text"));
}

}  // namespace
}  // namespace dictsqlite::detail
