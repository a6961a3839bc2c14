// Goal: an engine is refused without memory, begins to close once, checks keys, gives every handle its due, and tells
// what it is before it was ever opened. Method: engines without threads. What it does with its threads is life_test's.
#include "database/engine.hpp"

#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite::detail {
namespace {

using Code = absl::StatusCode;

TEST(EngineTest, IsRefusedWithoutAddressSpace) {
  Options options = BareEngine::memory_only();
  options.cache_bytes = entry::kSlabBytesMax;
  const absl::StatusOr<EngineHandle> engine = Engine::create(options, Surroundings{});
  EXPECT_EQ(engine.status(),
            absl::ResourceExhaustedError("no address space for Options::cache_bytes and unapplied_bytes"));
}

TEST(EngineTest, BeginsToCloseOnce) {
  const BareEngine engine;
  EXPECT_FALSE(engine->is_closed());
  EXPECT_TRUE(engine->begin_close());
  EXPECT_TRUE(engine->is_closed());
  EXPECT_FALSE(engine->begin_close());
  EXPECT_TRUE(engine->is_closed());
}

TEST(EngineTest, AClosedOneParksNoMoreWrites) {
  const BareEngine engine;
  EXPECT_TRUE(engine->begin_close());
  Completion* const completion = new_completion(engine.handle(), inline_executor(), nullptr, nullptr);
  EXPECT_FALSE(engine->path().parked().push(completion));
  release(completion);
  release(completion);
}

TEST(EngineTest, ChecksKeys) {
  Options options = BareEngine::memory_only();
  options.key_bytes_max = 3;
  const BareEngine engine(options);
  EXPECT_EQ(engine->check_key("").code, Code::kInvalidArgument);
  EXPECT_EQ(engine->check_key("").message, std::string_view("the key is empty"));
  EXPECT_EQ(engine->check_key("1").code, Code::kOk);
  EXPECT_EQ(engine->check_key("123").code, Code::kOk);
  EXPECT_EQ(engine->check_key(std::string_view("\0\0\0", 3)).code, Code::kOk) << "bytes are bytes";
  EXPECT_EQ(engine->check_key("1234").code, Code::kInvalidArgument);
  EXPECT_EQ(engine->check_key("1234").message, std::string_view("the key is longer than Options::key_bytes_max"));
}

TEST(EngineTest, HasTheExecutorItWasGivenOrTheResumeThread) {
  ManualExecutor manual;
  Options options = BareEngine::memory_only();
  EXPECT_TRUE(BareEngine(options)->default_executor());
  options.executor = manual.executor();
  EXPECT_EQ(BareEngine(options)->default_executor(), manual.executor());
}

TEST(EngineTest, LivesUntilTheLastHandle) {
  EngineHandle last;
  {
    const BareEngine engine;
    last = engine->spread().share();
  }
  // The owner has shut it down and let go; AddressSanitizer says whether it is still there.
  EXPECT_FALSE(last.get()->failure().failed());
  EngineHandle moved = std::move(last);
  EXPECT_EQ(last.get(), nullptr);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_NE(moved.get(), nullptr);
  moved.reset();
  EXPECT_EQ(moved.get(), nullptr);
}

TEST(EngineTest, AnEmptyHandleSharesNothing) {
  const EngineHandle empty;
  EXPECT_FALSE(empty);
  EXPECT_FALSE(empty.share());
}

TEST(EngineTest, CountsNothingBeforeItWasOpened) {
  const BareEngine engine;
  const Stats stats = engine->stats();
  EXPECT_EQ(stats.claimed_sequence, 0u);
  EXPECT_EQ(stats.applied_sequence, 0u);
  EXPECT_EQ(stats.durable_sequence, 0u);
  EXPECT_EQ(stats.settled_sequence, 0u);
  EXPECT_EQ(stats.entry_bytes, 0u);
  EXPECT_EQ(stats.parked_writers, 0u);
  EXPECT_EQ(stats.loads_in_flight, 0u);
  EXPECT_EQ(stats.io_backend, "none");
  EXPECT_FALSE(stats.failed);
  EXPECT_FALSE(stats.disk_full);
}

TEST(EngineTest, ShuttingDownWhatWasNeverOpenedTellsOfNoLoss) {
  Options options = BareEngine::memory_only();
  int events = 0;
  options.event_hook = {[](void* count, const Event&) noexcept { ++*static_cast<int*>(count); }, &events};
  BareEngine(options).end();
  EXPECT_EQ(events, 0);
}

}  // namespace
}  // namespace dictsqlite::detail
