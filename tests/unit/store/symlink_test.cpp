// Goal: a symlink in place of one of the files beside a database is never followed: what it points to stays as it is,
// and the answer is a typed one. Method: links to a victim, put there before the store is opened; the log's own is in
// refusal_test.cpp.
#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace dictsqlite::store::testing {
namespace {

class Symlink : public ::testing::Test {
 protected:
  Symlink() {
    EXPECT_EQ(open_store(path_)->writer().close(), absl::OkStatus());
    write_bytes(victim_, "victim");
  }
  void link(const std::string& suffix) const { std::filesystem::create_symlink(victim_, path_ + suffix); }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("world.db");
  const std::string victim_ = directory_.file("victim");
};

TEST_F(Symlink, InPlaceOfTheIndexIsRefused) {
  link("-shm");
  EXPECT_EQ(SqliteStore::open(options_for(path_)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(read_bytes(victim_), "victim");
  std::filesystem::remove(path_ + "-shm");
  EXPECT_EQ(open_store(path_)->writer().close(), absl::OkStatus());
}

// It is found, as any mark is, and taken away after the recovery; what is behind it is nobody's mark.
TEST_F(Symlink, InPlaceOfTheMarkIsTakenAwayAndNotWhatIsBehindIt) {
  link("-failed");
  auto store = open_store(path_);
  EXPECT_FALSE(std::filesystem::is_symlink(path_ + "-failed"));
  EXPECT_EQ(store->writer().close(), absl::OkStatus());
  EXPECT_EQ(read_bytes(victim_), "victim");
}

TEST_F(Symlink, InPlaceOfTheMarkToNowhereMakesNothingThere) {
  std::filesystem::create_symlink(directory_.file("nowhere"), path_ + "-failed");
  auto store = open_store(path_);
  EXPECT_EQ(store->writer().close(), absl::OkStatus());
  EXPECT_EQ(directory_.names(), (std::vector<std::string>{"victim", "world.db"}));
}

}  // namespace
}  // namespace dictsqlite::store::testing
