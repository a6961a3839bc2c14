// Goal: work posted to the inline and the manual executor runs once, in order, within the limits asked for, or is
// dropped once.
// Method: numbered work that notes when it ran.
#include <dictsqlite/executor.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();
constexpr nanoseconds kAnyTime = nanoseconds::max();

struct Note : Work {
  Note(std::vector<int>& notes, int number) : notes_(notes), number_(number) {
    run = [](Work* work) noexcept {
      auto* note = static_cast<Note*>(work);
      note->notes_.push_back(note->number_);
      if (note->then) note->then();
    };
  }
  std::function<void()> then;
  [[nodiscard]] int number() const { return number_; }

 private:
  std::vector<int>& notes_;
  int number_;
};

TEST(InlineExecutor, RunsWorkBeforePostReturns) {
  std::vector<int> notes;
  Note note(notes, 1);
  inline_executor()(&note);
  EXPECT_EQ(notes, std::vector<int>{1});
}

TEST(Executor, IsEmptyUnlessMade) {
  ManualExecutor manual;
  EXPECT_FALSE(Executor{});
  EXPECT_TRUE(manual.executor());
  EXPECT_TRUE(inline_executor());
  EXPECT_EQ(manual.executor(), manual.executor());
  EXPECT_NE(manual.executor(), inline_executor());
}

class ManualExecutorTest : public testing::Test {
 protected:
  std::vector<int> notes;
  Note one{notes, 1}, two{notes, 2}, three{notes, 3}, four{notes, 4};
  ManualExecutor manual;

  void post(Note& note) { manual.executor()(&note); }
};

TEST_F(ManualExecutorTest, RunsNothingByItself) {
  post(one);
  EXPECT_TRUE(notes.empty());
}

TEST_F(ManualExecutorTest, PollOnNothingRunsNothing) {
  EXPECT_EQ(manual.poll(), 0U);
  EXPECT_EQ(manual.poll(kAnyNumber, kAnyTime), 0U);
}

TEST_F(ManualExecutorTest, PollRunsOldestFirst) {
  post(one);
  post(two);
  post(three);
  EXPECT_EQ(manual.poll(), 3U);
  EXPECT_EQ(notes, (std::vector<int>{1, 2, 3}));
}

TEST_F(ManualExecutorTest, PollStopsAtMaxItemsAndKeepsTheOrderOfTheRest) {
  post(one);
  post(two);
  post(three);
  EXPECT_EQ(manual.poll(2, kAnyTime), 2U);
  post(four);
  EXPECT_EQ(notes, (std::vector<int>{1, 2}));
  EXPECT_EQ(manual.poll(kAnyNumber, kAnyTime), 2U);
  EXPECT_EQ(notes, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(ManualExecutorTest, PollOfZeroItemsRunsNothing) {
  post(one);
  EXPECT_EQ(manual.poll(0, kAnyTime), 0U);
  EXPECT_TRUE(notes.empty());
}

TEST_F(ManualExecutorTest, PollStopsWhenItsTimeIsUsedUp) {
  post(one);
  post(two);
  EXPECT_EQ(manual.poll(kAnyNumber, nanoseconds::zero()), 1U);
  EXPECT_EQ(notes, std::vector<int>{1});
}

TEST_F(ManualExecutorTest, PollWithLimitsRunsWorkPostedMeanwhile) {
  one.then = [this] { post(two); };
  post(one);
  EXPECT_EQ(manual.poll(kAnyNumber, kAnyTime), 2U);
}

TEST_F(ManualExecutorTest, PollWithoutLimitsLeavesWorkPostedMeanwhile) {
  one.then = [this] { post(one); };  // for ever
  post(one);
  post(two);
  EXPECT_EQ(manual.poll(), 2U);
  EXPECT_EQ(manual.poll(), 1U);
  EXPECT_EQ(notes, (std::vector<int>{1, 2, 1}));
}

TEST_F(ManualExecutorTest, PollWithoutLimitsRunsLeftoversOfALimitedPollFirst) {
  post(one);
  post(two);
  EXPECT_EQ(manual.poll(1, kAnyTime), 1U);
  post(three);
  EXPECT_EQ(manual.poll(), 2U);
  EXPECT_EQ(notes, (std::vector<int>{1, 2, 3}));
}

TEST_F(ManualExecutorTest, DropsWhatWasNeverPolled) {
  {
    ManualExecutor ending;
    const auto drop = [](Work* work) noexcept { static_cast<Note*>(work)->then(); };
    for (Note* note : {&one, &two, &three}) {
      note->then = [this, note] { notes.push_back(-note->number()); };
      note->drop = drop;
      ending.executor()(note);
    }
    three.then = [this, executor = ending.executor()] { executor(&four); };  // which holds nothing
    EXPECT_EQ(ending.poll(1, kAnyTime), 1U);
    EXPECT_EQ(notes, (std::vector<int>{1, -1})) << "a run, and what follows it";
    notes.clear();
  }
  EXPECT_EQ(notes, std::vector<int>{-2});
}

TEST_F(ManualExecutorTest, WorkMayDestroyItself) {
  auto* note = new Note(notes, 7);
  note->then = [note] { delete note; };
  post(*note);
  post(one);
  EXPECT_EQ(manual.poll(), 2U);
  EXPECT_EQ(notes, (std::vector<int>{7, 1}));
}

TEST_F(ManualExecutorTest, RunsEachWorkOfManyPostersOnceAndEachPostersInOrder) {
  constexpr int kPosters = 3;
  constexpr int kEach = 20'000;
  std::vector<std::vector<Note>> work(kPosters);
  for (int poster = 0; poster < kPosters; ++poster) {
    for (int index = 0; index < kEach; ++index) {
      work[static_cast<std::size_t>(poster)].emplace_back(notes, poster * kEach + index);
    }
  }
  std::vector<std::thread> posters;
  for (auto& mine : work) {
    posters.emplace_back([this, &mine] {
      for (Note& note : mine) post(note);
    });
  }
  std::size_t ran = 0;
  while (ran < kPosters * kEach) {
    ran += manual.poll(64, kAnyTime);
    std::this_thread::yield();
  }
  for (std::thread& poster : posters) poster.join();

  EXPECT_EQ(manual.poll(), 0U);
  std::array<int, kPosters> next{};
  for (const int number : notes) {
    const auto poster = static_cast<std::size_t>(number / kEach);
    ASSERT_EQ(number % kEach, next[poster]++);
  }
}

}  // namespace
}  // namespace dictsqlite
