// Goal: the stage asks for what somebody waits for, also where that was claimed and is not there yet, and sees when it
// gets no further. Method: a stage over a log on a simulated disk.
#include "flush/log_stage.hpp"

#include "support/acting_clock.hpp"
#include "support/random.hpp"
#include "support/simulated_disk.hpp"
#include "unit/flush/write_path_fixture.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::flush {
namespace {

class StoppedClock final : public base::Clock {
 public:
  [[nodiscard]] base::Instant now() const noexcept override { return base::Instant(1); }
};

class LogStageTest : public testing::Test {
 protected:
  LogStageTest() {
    journal::LogWriter::Config config;
    config.space.prefix = "/d/log-";
    config.space.segment_bytes_min = config.space.segment_bytes_max = 4 * journal::kUnit;
    config.space.bytes_max = 8 * journal::kUnit;
    config.block_bytes = 2 * journal::kUnit;
    auto writer = std::make_unique<journal::LogWriter>(config, disk_, *backend_, 1);
    EXPECT_EQ(writer->create(), absl::OkStatus());
    EXPECT_EQ(writer->begin(), absl::OkStatus());
    stage_.begin(std::move(writer));
  }
  ~LogStageTest() override {
    stage_.drop();
    backend_->finish();
  }
  void stage(const std::string& key, std::size_t value_bytes) {
    entry::Entry* const write =
        parts_.cache.pool().make(entry::EntryKind::kSet, 1, key, std::string(value_bytes, 'v'), 0);
    ASSERT_EQ(parts_.path.try_accept(write).outcome, AcceptOutcome::kAccepted);
    stage_.stage(parts_.path.ring().pop());
  }
  [[nodiscard]] bool step(const Demand& demand) {
    bool progress = false;
    EXPECT_EQ(stage_.step(demand, progress), absl::OkStatus());
    return progress;
  }
  void complete_all() {
    io::IoCompletion completion{};
    while (backend_->poll(std::span(&completion, 1)) != 0) {
      EXPECT_EQ(stage_.writer().completed(completion), absl::OkStatus());
    }
  }

  testing_support::Random random_;
  testing_support::SimulatedDisk disk_;
  const std::unique_ptr<io::IoBackend> backend_ = disk_.backend(random_);
  const StoppedClock clock_;
  WritePathParts parts_{kPlenty};
  LogStage stage_{{PersistMode::kLazy, 10, std::chrono::seconds(1)}, clock_, parts_.path};
};

TEST_F(LogStageTest, AsksForWhatSomebodyWaitsForBeforeItIsThere) {
  Demand demand;
  EXPECT_FALSE(stage_.is_asked(demand));
  demand.durable_to = 1;
  EXPECT_TRUE(stage_.is_asked(demand)) << "claimed, and not published yet";
  stage("a", 1);
  EXPECT_TRUE(stage_.is_asked(demand));
  EXPECT_TRUE(step(demand));
  EXPECT_FALSE(stage_.is_asked(demand)) << "in a block";
  demand.apply_to = 2;
  EXPECT_TRUE(stage_.is_asked(demand));
}

TEST_F(LogStageTest, GivesOnWhatIsDurableInOrder) {
  stage("a", 1);
  stage("b", 1);
  EXPECT_FALSE(step({})) << "lazy: nobody asks";
  Demand demand;
  demand.durable_to = 2;
  EXPECT_TRUE(step(demand));
  std::vector<entry::Entry*> durable;
  stage_.take_durable(durable);
  EXPECT_TRUE(durable.empty());
  EXPECT_EQ(stage_.unsafe_rows(), 2u);
  complete_all();
  stage_.take_durable(durable);
  ASSERT_EQ(durable.size(), 2u);
  EXPECT_EQ(durable[0]->sequence, 1u);
  EXPECT_EQ(durable[1]->sequence, 2u);
  EXPECT_EQ(stage_.unsafe_rows(), 0u);
  EXPECT_TRUE(stage_.is_idle());
  for (entry::Entry* const write : durable) {
    parts_.path.admission().give_back(WritePath::footprint(*write));
    parts_.path.release(write);
  }
}

// All that waits may be in a block that finds no room: that, too, is stuck, until something is settled.
TEST_F(LogStageTest, IsStuckWhenTheLogIsFullAndNothingIsUnderWay) {
  Demand demand;
  demand.closing = true;
  std::size_t staged = 0;
  for (; staged < 50 && !stage_.is_stuck(); ++staged) {
    stage("key" + std::to_string(staged), 3'000);
    for (int round = 0; round < 20; ++round) {
      static_cast<void>(step(demand));
      complete_all();
    }
    static_cast<void>(step(demand));
  }
  EXPECT_TRUE(stage_.is_stuck());
  EXPECT_EQ(stage_.waiting_rows(), 0u) << "all of it is in a block";
  EXPECT_EQ(stage_.unsafe_rows(), staged) << "and nobody has taken what is durable";
  const std::uint64_t wanted = stage_.writer().wants_settled_to();
  EXPECT_NE(wanted, 0u);
  for (int round = 0; round < 50; ++round) {
    stage_.writer().settled_to(stage_.writer().durable_end());
    static_cast<void>(step(demand));
    complete_all();
  }
  EXPECT_FALSE(stage_.is_stuck());
  std::vector<entry::Entry*> durable;
  stage_.take_durable(durable);
  EXPECT_EQ(stage_.unsafe_rows(), 0u);
  EXPECT_EQ(durable.size(), staged);
  for (entry::Entry* const write : durable) {
    parts_.path.admission().give_back(WritePath::footprint(*write));
    parts_.path.release(write);
  }
}

// Nobody else would bring the flusher to look at what became due between the last step and its sleep.
TEST_F(LogStageTest, LooksAtOnceAtWhatHasBecomeDueSinceTheLastStep) {
  stage("a", 1);
  EXPECT_FALSE(step({}));
  EXPECT_EQ(stage_.next_look({}), base::kNever);
  Demand demand;
  demand.durable_to = 1;
  EXPECT_EQ(stage_.next_look(demand), clock_.now());
}

TEST_F(LogStageTest, LeavesWhatIsDueAndFindsNoRoomToWhatMakesSome) {
  Demand demand;
  demand.closing = true;
  for (std::size_t staged = 0; staged < 50 && step(demand) == (staged != 0); ++staged) {
    stage("key" + std::to_string(staged), 9'000);
  }
  ASSERT_NE(stage_.waiting_rows(), 0u);
  EXPECT_EQ(stage_.next_look(demand), base::kNever);
}

TEST_F(LogStageTest, IsNotStuckWhileNothingIsDue) {
  stage("a", 1);
  EXPECT_FALSE(step({}));
  EXPECT_FALSE(stage_.is_stuck());
}

}  // namespace
}  // namespace dictsqlite::flush
