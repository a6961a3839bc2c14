// Goal: a whole database, its threads included, runs from a seed, and is right in whatever order they run. Method:
// Simulation lets one thread run at a time. Clients each own some keys and check every answer against what they wrote,
// through eviction, misses and durable waits; afterwards the file must hold the same.
#include <dictsqlite/dictsqlite.hpp>

#include "support/pump.hpp"
#include "support/scale.hpp"
#include "support/simulation.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::Pump;
using testing_support::Random;
using testing_support::Simulation;
using testing_support::TemporaryDirectory;

constexpr std::size_t kClients = 6;
constexpr std::size_t kKeysEach = 40;

struct Client {
  std::size_t number;
  Random random;
  std::map<std::string, std::string> written;

  [[nodiscard]] std::string key(std::size_t index) const {
    return "client " + std::to_string(number) + " key " + std::to_string(index);
  }
  [[nodiscard]] std::string some_key() { return key(random.below(kKeysEach)); }
  // What the database says about one of its keys.
  void expect(const std::string& key, const absl::StatusOr<Value>& value) const {
    const auto expected = written.find(key);
    if (expected == written.end()) {
      EXPECT_EQ(value.status().code(), absl::StatusCode::kNotFound) << key;
    } else {
      EXPECT_TRUE(value.ok() && *value == expected->second) << key << ": " << value.status();
    }
  }
};

// Small enough that everything is evicted, refused for a moment, and copied from the log, again and again.
Options small_options(std::string path, Executor executor, Journal journal) {
  Options options;
  options.path = std::move(path);
  options.executor = executor;
  options.ring_capacity = 16;
  options.cache_bytes = 1 << 20;
  options.unapplied_bytes = 1 << 20;
  options.value_bytes_max = 100'000;
  options.batch_bytes_max = 400'000;
  options.buffer_size = 8;
  options.wal_bytes = 64 << 10;
  options.flush_interval = std::chrono::milliseconds(5);
  options.loads_max = 3;
  options.journal = journal;
  options.log_bytes = 4 << 20;
  options.batch_rows_max = 1'000;
  return options;
}

Task<void> step(Database& database, Client& client) {
  const std::string key = client.some_key();
  absl::Status status;
  switch (client.random.below(8)) {
    case 0:
    case 1:
    case 2: {
      std::string value = client.random.bytes(client.random.one_in(4) ? 20'000 : 20);
      const Ack ack = client.random.one_in(4) ? Ack::kDurable : Ack::kAccepted;
      status = co_await database.set_async(key, value, {.ack = ack});
      client.written.insert_or_assign(key, std::move(value));
      break;
    }
    case 3:
      status = co_await database.erase_async(key);
      client.written.erase(key);
      break;
    case 4: {
      WriteBatch batch;
      for (int row = 0; row < 5; ++row) {
        const std::string each = client.some_key();
        batch.set(each, "batch");
        client.written.insert_or_assign(each, "batch");
      }
      status = co_await database.write_async(batch);
      break;
    }
    case 5: {
      FenceOperation fence = client.random.one_in(2) ? database.flush_async() : database.sync_async();
      status = co_await std::move(fence);
      break;
    }
    default: {
      const absl::StatusOr<Value> value = co_await database.get_async(key);
      client.expect(key, value);
    }
  }
  EXPECT_TRUE(status.ok()) << status;
}

Task<void> live(Database& database, Client& client, std::size_t steps) {
  for (std::size_t count = 0; count < steps; ++count) co_await step(database, client);
}

Task<void> check(Database& database, const Client& client) {
  for (std::size_t number = 0; number < kKeysEach; ++number) {
    const std::string key = client.key(number);
    const absl::StatusOr<Value> value = co_await database.get_async(key);
    client.expect(key, value);
  }
}

std::vector<std::uint8_t> run(std::uint64_t seed, std::size_t steps, Journal journal) {
  const TemporaryDirectory directory;
  Simulation simulation(seed);
  const detail::Surroundings surroundings = simulation.surroundings();
  Pump pump(simulation);
  std::vector<Client> clients;
  for (std::size_t number = 0; number < kClients; ++number) {
    clients.push_back({number, Random(seed * kClients + number), {}});
  }
  for (int life = 0; life < 2; ++life) {
    Database database = *pump.wait_for(
        detail::open_in(surroundings, small_options(directory.file("test.db"), pump.executor(), journal)));
    std::vector<Task<void>> checks;
    for (const Client& client : clients) checks.push_back(check(database, client));
    pump.run_all(std::move(checks));
    std::vector<Task<void>> lives;
    for (Client& client : clients) lives.push_back(live(database, client, steps));
    pump.run_all(std::move(lives));
    EXPECT_TRUE(pump.wait_for(database.close_async()).ok());
  }
  return simulation.turns();
}

class SimulatedDatabase : public testing::TestWithParam<Journal> {};

INSTANTIATE_TEST_SUITE_P(All, SimulatedDatabase, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "journaled" : "direct"; });

TEST_P(SimulatedDatabase, TheSameSeedGivesTheSameRun) {
  const std::vector<std::uint8_t> first = run(1, 100, GetParam());
  EXPECT_GT(first.size(), 200U) << "turns, so that there is something to repeat";
  EXPECT_EQ(run(1, 100, GetParam()), first);
}

TEST_P(SimulatedDatabase, AnotherSeedGivesAnotherRun) { EXPECT_NE(run(1, 100, GetParam()), run(2, 100, GetParam())); }

TEST_P(SimulatedDatabase, TheDictionaryIsRightWhateverTheOrder) {
  const std::size_t runs = testing_support::scaled(60);
  for (std::uint64_t seed = 0; seed < runs && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("run " + std::to_string(seed));
    run(seed, 150, GetParam());
  }
}

// The flusher gives those who were answered a moment to come back together, and is not rung for the first of them.
TEST_P(SimulatedDatabase, WhoComesBackAloneAfterASharedSyncIsAnsweredSoon) {
  const std::size_t runs = testing_support::scaled(20);
  for (std::uint64_t seed = 0; seed < runs && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("run " + std::to_string(seed));
    const TemporaryDirectory directory;
    Simulation simulation(seed);
    const detail::Surroundings surroundings = simulation.surroundings();
    Pump pump(simulation);
    Options options = small_options(directory.file("test.db"), pump.executor(), GetParam());
    options.persist_mode = PersistMode::kLazy;
    options.flush_interval = std::chrono::hours(1);  // nothing else wakes anybody
    Database database = *pump.wait_for(detail::open_in(surroundings, options));
    for (int round = 0; round < 10; ++round) {
      const std::size_t count = round % 2 == 0 ? 6 : 1;
      std::size_t answered = 0;
      for (std::size_t number = 0; number < count; ++number) {
        database.set_async("key " + std::to_string(number), "value", {.ack = Ack::kDurable})
            .start([&answered](const absl::Status& status) noexcept {
              EXPECT_TRUE(status.ok()) << status;
              ++answered;
            });
      }
      const base::Instant late = simulation.now() + std::chrono::seconds(1);
      pump.run_until([&] { return answered == count || simulation.now() > late; });
      EXPECT_EQ(answered, count) << "round " << round;
      if (answered != count) break;
    }
    EXPECT_TRUE(pump.wait_for(database.close_async()).ok());
  }
}

// Each wake-up costs whoever waits for the log: rows that nobody asks SQLite for wait for their time together.
TEST(SimulatedApplier, IsNotWokenForEachWriteOfTheLog) {
  constexpr std::size_t kWrites = 100;
  const TemporaryDirectory directory;
  Simulation simulation(1);
  const detail::Surroundings surroundings = simulation.surroundings();
  Pump pump(simulation);
  Options options = small_options(directory.file("test.db"), pump.executor(), Journal::kOn);
  options.flush_interval = std::chrono::hours(1);
  Database database = *pump.wait_for(detail::open_in(surroundings, options));
  const std::size_t before = simulation.turns_of("dictsql-apply");
  for (std::size_t number = 0; number < kWrites; ++number) {
    ASSERT_EQ(pump.wait_for(database.set_async("key", "value", {.ack = Ack::kDurable})), absl::OkStatus());
  }
  EXPECT_LT(simulation.turns_of("dictsql-apply") - before, kWrites / 10);
  EXPECT_EQ(pump.wait_for(database.flush_async()), absl::OkStatus());
  EXPECT_EQ(database.stats().applied_sequence, kWrites);
  EXPECT_EQ(pump.wait_for(database.close_async()), absl::OkStatus());
}

}  // namespace
}  // namespace dictsqlite
