// Goal: the loader tells everyone what was found, also when one key has two flights. Method: a store that the test
// makes up, and a loader that runs in simulated time only when it may. See loader_fixture.hpp.
#include "load/loader.hpp"

#include "unit/load/loader_fixture.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace dictsqlite::load
