// What the tests on a real file system share: its directories, the loop on it, and what they print.
#pragma once

#include "crash/kill_loop_main.hpp"
#include "crash/kill_loop_parent.hpp"
#include "crash/loop_file_system.hpp"
#include "support/random.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace dictsqlite::kill_loop {

inline const std::string& reason_to_skip() {
  static const std::string reason = why_no_loop_file_system();
  return reason;
}

class LoopFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!reason_to_skip().empty()) GTEST_SKIP() << "no ext4 in a file here: " << reason_to_skip();
    std::filesystem::create_directory(mount_point());
  }
  [[nodiscard]] std::string mount_point() const { return directory_.file("mounted"); }
  [[nodiscard]] std::string database() const { return mount_point() + "/world.db"; }

  // `rounds` of them, with looks and clean ends in between; `ASSERT_NO_FATAL_FAILURE` around it.
  static void run(KillLoop& loop, Disaster& disaster, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
      std::string wrong = loop.round(disaster);
      if (wrong.empty() && round % 5 == 3) wrong = loop.look_by_sqlite();
      if (wrong.empty() && round % 9 == 8) wrong = loop.clean_round();
      ASSERT_EQ(wrong, "") << "round " << round << " of " << rounds << ", DICTSQLITE_SEED=" << testing_support::seed();
    }
    ASSERT_EQ(loop.clean_round(), "") << "after the last round, DICTSQLITE_SEED=" << testing_support::seed();
    EXPECT_EQ(loop.counts().rounds, rounds);
    EXPECT_GT(loop.oracle().durable_total(), 0u);
  }
  static void print(const char* what, const KillLoop& loop) {
    std::printf("%llu %s (%llu while opening); %llu writes started, %llu durable acknowledgements, %llu lost\n",
                static_cast<unsigned long long>(loop.counts().rounds), what,
                static_cast<unsigned long long>(loop.counts().rounds_while_opening),
                static_cast<unsigned long long>(loop.oracle().started_total()),
                static_cast<unsigned long long>(loop.oracle().durable_total()),
                static_cast<unsigned long long>(loop.oracle().lost_total()));
  }

  const testing_support::TemporaryDirectory directory_;
};

}  // namespace dictsqlite::kill_loop
