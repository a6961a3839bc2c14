#include "peers/one_thing.hpp"

#include "support/check.hpp"
#include "support/durable_writers.hpp"
#include "support/fill.hpp"
#include "support/rows.hpp"
#include "support/stopwatch.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTogether = 1000;  // rows of a batch, reads between two looks at the clock
constexpr std::size_t kBudgetMin = std::size_t{256} << 20;
constexpr std::size_t kBytesARow = 256;  // more than any store takes

// Calls `read` with a thousand random keys, again and again. They are copied together before: where keys come from is
// not asked here, and a miss of the processor's cache for each would be.
template <class Read>
Sample read_for(const Plan& plan, const Keys& keys, std::uint64_t seed, Read&& read) {
  Random random(seed);
  std::vector<Keys::Bytes> chosen(kTogether);
  std::vector<std::string_view> views;
  views.reserve(chosen.size());
  for (const Keys::Bytes& key : chosen) views.emplace_back(key.data(), key.size());
  std::size_t done = 0;
  const Stopwatch watch;
  for (const Clock::time_point deadline = Clock::now() + plan.time; Clock::now() < deadline; done += kTogether) {
    for (Keys::Bytes& key : chosen) std::ranges::copy(keys[random.below(keys.size())], key.begin());
    if (read(std::span<const std::string_view>(views)) != kTogether) die("get", "a row is missing");
  }
  return watch.stop(static_cast<double>(done));
}

// --- the library ---

Task<std::size_t> get_each(Database& database, std::span<const std::string_view> keys) {
  std::size_t there = 0;
  for (const std::string_view key : keys) {
    const absl::StatusOr<Value> value = co_await database.get_async(key);
    there += value.ok() && value->view().size() == kValueBytes ? 1u : 0u;
  }
  co_return there;
}

class Library final : public Subject {
 public:
  Library(const Plan& plan, const std::string& directory) : plan_(plan), keys_(plan.rows) {
    Options options;
    options.path = directory + "/ours.db";
    options.cache_bytes = plan.budget_bytes();
    // Writers are paced from half of it on.
    options.unapplied_bytes = plan.work == Work::kGets ? kBudgetMin : 4 * plan.budget_bytes();
    options.page_bytes = 16'384;
    options.journal = plan.is_synced() ? Journal::kOn : Journal::kOff;
    database_ = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database_, keys_, values_));
  }
  Sample run(std::uint32_t /*work*/) override {
    ++seed_;
    switch (plan_.work) {
      case Work::kGets:
        return read_for(plan_, keys_, seed_,
                        [&](std::span<const std::string_view> keys) { return sync_wait(get_each(database_, keys)); });
      case Work::kBurst:
        return burst();
      case Work::kDurableSets:
        return by_coroutines(durable_, database_, plan_.clients,
                             plan_.clients == 1 ? UntilFlushed::kNo : UntilFlushed::kYes, inline_executor());
    }
    die("work", "there is no such");
  }
  Footprint footprint() override { return {}; }

 private:
  Task<void> set_all() {
    Random random(seed_);
    for (std::size_t row = 0; row < plan_.rows; ++row) {
      must(co_await database_.set_async(keys_[random.below(keys_.size())], values_[seed_ * plan_.rows + row]), "set");
    }
  }
  Sample burst() {
    const Stopwatch watch;
    sync_wait(set_all());
    must(database_.sync(), "sync");
    const Sample sample = watch.stop(static_cast<double>(plan_.rows));
    must(database_.flush(), "flush");
    wait_until_idle();
    return sample;
  }

  const Plan plan_;
  const Keys keys_;
  const Values values_;
  std::uint64_t seed_ = 0;
  DurableWork durable_{keys_, values_, plan_.time};
  Database database_;
};

// --- the others ---

class Other final : public Subject {
 public:
  Other(const Plan& plan, const Peer& peer, const std::string& directory) : plan_(plan), keys_(plan.rows) {
    store_ = peer.open({.directory = directory,
                        .cache_bytes = plan.budget_bytes(),
                        .threads = plan.clients_are == Clients::kThreads ? plan.clients : 1,
                        .synced = plan.is_synced(),
                        .write_buffer_bytes = plan.budget_bytes()});
    put_batches([](std::size_t row) { return row; });
  }
  Sample run(std::uint32_t /*work*/) override {
    ++seed_;
    const double servers_before = store_->servers_cpu_seconds();
    Sample sample = run_work();
    sample.cpu_seconds += store_->servers_cpu_seconds() - servers_before;
    wait_until_idle();
    return sample;
  }
  Footprint footprint() override { return {}; }

 private:
  Sample run_work() {
    switch (plan_.work) {
      case Work::kGets:
        return read_for(plan_, keys_, seed_,
                        [&](std::span<const std::string_view> keys) { return store_->get_all(keys); });
      case Work::kBurst:
        return burst();
      case Work::kDurableSets:
        if (plan_.clients == 1) return by_loop(durable_, 1, [&] { put_one(); });
        if (plan_.clients_are == Clients::kPipelined) return by_loop(durable_, plan_.clients, [&] { put_each(); });
        return by_threads(durable_, plan_.clients,
                          [&](std::string_view key, std::string_view value) { store_->put(key, value); });
    }
    die("work", "there is no such");
  }
  template <class Choose>
  void put_batches(Choose&& choose) {
    std::vector<StoreRow> batch;
    for (std::size_t row = 0; row < plan_.rows; ++row) {
      batch.push_back({keys_[choose(row)], values_[seed_ * plan_.rows + row]});
      if (batch.size() < kTogether && row + 1 < plan_.rows) continue;
      store_->put_all(batch);
      batch.clear();
    }
  }
  Sample burst() {
    Random random(seed_);
    const Stopwatch watch;
    put_batches([&](std::size_t) { return random.below(keys_.size()); });
    return watch.stop(static_cast<double>(plan_.rows));
  }
  [[nodiscard]] StoreRow next_row() {
    const std::uint64_t number = random_.next();
    return {keys_[random_.below(keys_.size())], values_[number]};
  }
  void put_one() {
    const StoreRow row = next_row();
    store_->put(row.key, row.value);
  }
  void put_each() {
    each_.clear();
    for (std::size_t client = 0; client < plan_.clients; ++client) each_.push_back(next_row());
    store_->put_each(each_);
  }

  const Plan plan_;
  const Keys keys_;
  const Values values_;
  std::uint64_t seed_ = 0;
  Random random_{1};
  DurableWork durable_{keys_, values_, plan_.time};
  std::vector<StoreRow> each_;
  std::unique_ptr<BlockingStore> store_;
};

}  // namespace

std::size_t Plan::budget_bytes() const noexcept { return std::max(kBudgetMin, rows * kBytesARow); }

void InTurn::add_library(std::string_view what, const Plan& plan) {
  enter(what, "dictsqlite", [&](const std::string& directory) { return std::make_unique<Library>(plan, directory); });
}
void InTurn::add(std::string_view what, const Plan& plan, const Peer& peer) {
  enter(what, peer.name, [&](const std::string& directory) { return std::make_unique<Other>(plan, peer, directory); });
}

void InTurn::enter(std::string_view what, const std::string& store,
                   const std::function<std::unique_ptr<Subject>(std::string)>& make) {
  const std::string directory = scratch_.file(store);
  std::filesystem::create_directory(directory);
  remotes_.push_back(std::make_unique<Remote>([&] { return make(directory); }));
  contest_.add(absl::StrCat(std::string(what), ", ", store),
               [remote = remotes_.back().get()] { return remote->run(0); });
}

const std::deque<Contest::Contender>& InTurn::run(std::size_t repeats) {
  contest_.run(repeats);
  return contest_.contenders();
}

}  // namespace dictsqlite::bench
