// Goal: the loader tells everyone what was found, also when one key has two flights; and whatever comes while it falls
// asleep wakes it. Method: a store that the test makes up, and a loader that runs in simulated time only when it may;
// where it matters when something comes, it comes at each of the loader's looks at the clock in turn, one of which is
// its last before it sleeps. See loader_fixture.hpp.
#include "load/loader.hpp"

#include "unit/io/scratch.hpp"
#include "unit/load/loader_fixture.hpp"

#include <gtest/gtest.h>

#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

namespace dictsqlite::load {
namespace {

using Loads = std::vector<std::vector<std::string>>;

// --- two flights of one key ---

TEST(LoaderTwins, AreOneQueryAndGetTheValueBoth) {
  LoaderHouse house;
  house.file.rows = {{"key", "value"}};
  Reader& first = house.waits_for("key");
  house.take_lease_of("key");
  Reader& twin = house.waits_for("key");
  ASSERT_EQ(house.flights().in_flight(), 2u);
  house.start();
  house.let_run();
  EXPECT_EQ(house.file.loads, (Loads{{"key"}}));
  expect_value(first, "value");
  expect_value(twin, "value");
  EXPECT_EQ(house.flights().in_flight(), 0u);
}

TEST(LoaderTwins, LearnBothThatThereIsNothing) {
  LoaderHouse house;
  Reader& first = house.waits_for("key");
  house.take_lease_of("key");
  Reader& twin = house.waits_for("key");
  house.start();
  house.let_run();
  EXPECT_EQ(house.file.loads, (Loads{{"key"}}));
  expect_code(first, absl::StatusCode::kNotFound, "");
  expect_code(twin, absl::StatusCode::kNotFound, "");
}

TEST(LoaderTwins, GetTheErrorBothWhenTheirQueryFails) {
  LoaderHouse house;
  house.file.torn = {"key"};
  Reader& first = house.waits_for("key");
  house.take_lease_of("key");
  Reader& twin = house.waits_for("key");
  house.start();
  house.let_run();
  EXPECT_EQ(house.file.loads, (Loads{{"key"}}));
  expect_code(first, absl::StatusCode::kDataLoss, kTornMessage);
  expect_code(twin, absl::StatusCode::kDataLoss, kTornMessage);
  EXPECT_EQ(house.flights().in_flight(), 0u);
}

// A group is 64 keys; twins at its end are not torn apart.
TEST(LoaderTwins, AreOfOneGroup) {
  LoaderHouse house;
  std::vector<std::string> names;
  std::vector<Reader*> readers;
  for (int number = 100; number < 164; ++number) names.push_back("k" + std::to_string(number));
  for (const std::string& name : names) house.file.rows[name] = "of " + name;
  for (const std::string& name : names) readers.push_back(&house.waits_for(name));
  house.take_lease_of(names.back());
  Reader& twin = house.waits_for(names.back());
  house.start();
  house.let_run();
  EXPECT_EQ(house.file.loads, (Loads{names}));
  for (std::size_t index = 0; index < names.size(); ++index) expect_value(*readers[index], "of " + names[index]);
  expect_value(twin, "of " + names.back());
}

// The query of the group fails, and then each key is asked for by itself.
TEST(LoaderTwins, GetTheErrorBothAndTheirNeighboursDoNot) {
  LoaderHouse house;
  house.file.rows = {{"a", "1"}, {"c", "3"}};
  house.file.torn = {"b"};
  Reader& a = house.waits_for("a");
  Reader& b = house.waits_for("b");
  Reader& c = house.waits_for("c");
  house.take_lease_of("b");
  house.take_lease_of("c");
  Reader& twin_b = house.waits_for("b");
  Reader& twin_c = house.waits_for("c");
  house.start();
  house.let_run();
  EXPECT_EQ(house.file.loads, (Loads{{"a", "b", "c"}, {"a"}, {"b"}, {"c"}}));
  expect_value(a, "1");
  expect_code(b, absl::StatusCode::kDataLoss, kTornMessage);
  expect_code(twin_b, absl::StatusCode::kDataLoss, kTornMessage);
  expect_value(c, "3");
  expect_value(twin_c, "3");
}

// --- falling asleep ---

// More than there are between two sleeps.
constexpr std::size_t kLooks = 8;

TEST(LoaderSleep, IsEndedByAMissThatComesWhileItBegins) {
  for (std::size_t look = 0; look < kLooks; ++look) {
    SCOPED_TRACE(look);
    LoaderHouse house;
    house.file.rows = {{"key", "value"}};
    house.start();
    house.let_run();
    Reader* missing = nullptr;
    house.act_at_look(look, [&] { missing = &house.waits_for("key"); });
    house.let_run();
    expect_value(*missing, "value");
  }
}

// Somebody has the only flight for a moment, and gives it back unused when another has parked because of him.
TEST(LoaderSleep, IsEndedByAMissThatParksWhileItBegins) {
  for (std::size_t look = 0; look < kLooks; ++look) {
    SCOPED_TRACE(look);
    LoaderHouse house(1);
    house.file.rows = {{"key", "value"}};
    house.start();
    house.let_run();
    Reader* parked = nullptr;
    house.act_at_look(look, [&] {
      house.waits_for("other");
      Flight* const other = house.flights().take_queued();
      ASSERT_NE(other, nullptr);
      parked = &house.waits_for("key");
      EXPECT_TRUE(house.flights().has_parked());
      other->error = absl::InternalError("not cached");
      house.flights().land(std::array{other});
    });
    house.let_run();
    expect_value(*parked, "value");
  }
}

TEST(LoaderSleep, IsEndedByAScanThatComesWhileItBegins) {
  for (std::size_t look = 0; look < kLooks; ++look) {
    SCOPED_TRACE(look);
    LoaderHouse house;
    house.start();
    house.let_run();
    MadeUpScan scan(house.loader());
    house.act_at_look(look, [&] { scan.ask(); });
    house.let_run();
    EXPECT_EQ(scan.answers(), 1);
  }
}

TEST(LoaderSleep, IsEndedByAScanThatIsDroppedWhileItBegins) {
  for (std::size_t look = 0; look < kLooks; ++look) {
    SCOPED_TRACE(look);
    LoaderHouse house;
    house.start();
    MadeUpScan scan(house.loader());
    scan.ask();
    house.let_run();
    ASSERT_EQ(scan.answers(), 1);
    ASSERT_EQ(house.file.scans_open, 1u);
    house.act_at_look(look, [&] { scan.drop(); });
    house.let_run();
    EXPECT_EQ(house.file.scans_open, 0u) << "it would stay open for Options::scan_time_max";
  }
}

// --- its end before it began ---

TEST(LoaderStart, WithoutAThreadLeavesNothingOfTheStoreOpen) {
  const std::string told = io::told_by_child([] {
    LoaderHouse house;
    io::refuse_system_calls({__NR_clone, __NR_clone3}, EAGAIN);
    const absl::Status status = house.loader().start(&house.store());
    return absl::StatusCodeToString(status.code()) + ", readers: " + std::to_string(house.file.readers_open);
  });
  EXPECT_EQ(told, "RESOURCE_EXHAUSTED, readers: 0");
}

}  // namespace
}  // namespace dictsqlite::load
