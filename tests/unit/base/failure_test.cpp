// Goal: the first failure is the reason, whoever else fails later, and everybody who sees it sees its reason. Method:
// calls one after the other, and threads that fail at the same moment.
#include "base/failure.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::base {
namespace {

using testing_support::scaled;
using testing_support::StartLine;

const std::string kSentence = "the database failed and refuses writes until it is reopened: ";

TEST(Failure, IsNotThereAtFirst) { EXPECT_FALSE(Failure().failed()); }

TEST(Failure, SaysWhyInASentence) {
  Failure failure;
  EXPECT_TRUE(failure.set(absl::UnknownError("fdatasync of test.db-wal: input/output error")));
  EXPECT_TRUE(failure.failed());
  EXPECT_EQ(failure.sentence(), kSentence + "fdatasync of test.db-wal: input/output error");
}

TEST(Failure, KeepsItsFirstReason) {
  Failure failure;
  EXPECT_TRUE(failure.set(absl::UnknownError("first")));
  EXPECT_FALSE(failure.set(absl::DataLossError("second")));
  EXPECT_FALSE(failure.set(absl::UnknownError("first")));
  EXPECT_TRUE(failure.failed());
  EXPECT_EQ(failure.sentence(), kSentence + "first");
}

TEST(Failure, WithoutAMessageIsOneAllTheSame) {
  Failure failure;
  EXPECT_TRUE(failure.set(absl::Status(absl::StatusCode::kUnknown, "")));
  EXPECT_TRUE(failure.failed());
  EXPECT_EQ(failure.sentence(), kSentence);
}

TEST(Failure, OfManyAtOnceIsTheOneThatWasToldSo) {
  constexpr std::size_t kThreads = 4;
  const std::size_t rounds = scaled(2000);
  std::vector<Failure> failures(rounds);
  std::vector<std::array<bool, kThreads>> first(rounds);
  StartLine line(kThreads);
  std::array<std::thread, kThreads> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads[thread] = std::thread([&, thread] {
      for (std::size_t round = 0; round < rounds; ++round) {
        line.arrive();
        first[round][thread] = failures[round].set(absl::UnknownError(std::to_string(thread)));
        EXPECT_TRUE(failures[round].failed());
        EXPECT_EQ(failures[round].sentence().size(), kSentence.size() + 1) << "failed() without its reason";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t round = 0; round < rounds; ++round) {
    std::optional<std::size_t> winner;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      if (!first[round][thread]) continue;
      ASSERT_EQ(winner, std::nullopt) << "two were the first";
      winner = thread;
    }
    ASSERT_NE(winner, std::nullopt);
    ASSERT_EQ(failures[round].sentence(), kSentence + std::to_string(*winner));
  }
}

}  // namespace
}  // namespace dictsqlite::base
