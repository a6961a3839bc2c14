// batch_get: many keys at once. Hits are looked up in groups, so that the processor fetches several cache lines at a
// time; misses go to the loader together.
//
// No part of a WriteBatch is ever seen: a round of reads counts only if no batch was installed from its first look-up
// to its last answer (BatchGate). Otherwise it is done again, and from the fourth round on new batches are held back.
#include <dictsqlite/operation.hpp>

#include "cache/value_access.hpp"
#include "database/engine.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>

namespace dictsqlite {

using detail::Completion;
using detail::Engine;

namespace {

constexpr std::size_t kGroup = 32;               // look-ups whose cache lines are fetched together
constexpr std::uint32_t kRoundsUndisturbed = 3;  // rounds before new batches are held back

}  // namespace

// Counted: the operation, and the round under way. Used by one thread at a time: the one that starts a round, then
// whoever brings its last answer.
struct BatchGetOperation::State {
  struct Key {
    std::size_t offset;
    std::size_t bytes;
    std::uint64_t hash;
    bool valid;
  };
  struct Child {
    State* state;
    std::uint32_t index;
  };

  std::string bytes;  // all keys, one after another
  std::vector<Key> keys;
  std::vector<absl::StatusOr<Value>> results;
  std::vector<Child> misses;  // of this round; the completions point into it
  std::uint64_t generation = ring::BatchGate::kBusy;
  std::uint32_t rounds = 0;
  bool holding = false;
  Completion* parent = nullptr;
  std::atomic<std::size_t> outstanding{0};  // answers missing in this round, and one for whoever starts it. (J1)
  std::atomic<std::uint32_t> references{1};

  void begin_round(Engine& engine, const detail::EngineHandle& handle);
  [[nodiscard]] bool round_is_valid(Engine& engine) const noexcept {
    return generation != ring::BatchGate::kBusy && engine.path().gate().look() == generation;
  }
  [[nodiscard]] bool go_on(Engine& engine, const detail::EngineHandle& handle);
  void end(Engine& engine) noexcept;
  void release() noexcept {
    // (J2) Each owner's use happens before its release; acquire makes the last one see it. Pairs with itself.
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;  // (J2)
  }

 private:
  [[nodiscard]] std::string_view key(std::size_t index) const noexcept {
    return std::string_view(bytes).substr(keys[index].offset, keys[index].bytes);
  }
  void look_up(Engine& engine, const detail::EngineHandle& handle, std::uint32_t index);
  [[nodiscard]] bool start_misses(Engine& engine);
  void take_answer(Completion* child) noexcept;
  static void answered(Completion* child) noexcept;
};

// Reads every key in memory, and notes what is not there.
void BatchGetOperation::State::begin_round(Engine& engine, const detail::EngineHandle& handle) {
  ring::BatchGate& gate = engine.path().gate();
  if (++rounds > kRoundsUndisturbed && !std::exchange(holding, true)) gate.hold();
  generation = gate.look();
  // With new batches held back, those under way end soon: nothing in them waits.
  while (holding && generation == ring::BatchGate::kBusy) {
    std::this_thread::yield();
    generation = gate.look();
  }
  misses.clear();
  const cache::Table& table = engine.cache().table();
  for (std::size_t first = 0; first < keys.size(); first += kGroup) {
    const std::size_t last = std::min(first + kGroup, keys.size());
    for (std::size_t index = first; index < last; ++index) table.prefetch_bucket(keys[index].hash);
    const cache::Reclaimer::Guard guard = engine.cache().reclaimer().enter();
    for (std::size_t index = first; index < last; ++index) table.prefetch_entry(keys[index].hash);
    for (std::size_t index = first; index < last; ++index) {
      if (keys[index].valid) look_up(engine, handle, static_cast<std::uint32_t>(index));
    }
  }
}

void BatchGetOperation::State::look_up(Engine& engine, const detail::EngineHandle& handle, std::uint32_t index) {
  entry::Entry* entry = engine.cache().table().find({keys[index].hash, store::kMainTable, key(index)});
  if (entry != nullptr && entry->is_real() && entry->has_value()) {
    Value value;
    detail::ValueAccess::assign(value, *entry, handle);
    results[index] = std::move(value);
  } else if (engine.memory_only() || (entry != nullptr && entry->is_real())) {
    results[index] = absl::Status(absl::StatusCode::kNotFound, "");
  } else {
    misses.push_back({this, index});
  }
}

// Goes on after a round of look-ups: asks for the misses, or finds the round valid, or does another one. True: all is
// answered. False: answered() will go on, perhaps already does; the caller lets go.
bool BatchGetOperation::State::go_on(Engine& engine, const detail::EngineHandle& handle) {
  for (;;) {
    if (!misses.empty() && start_misses(engine)) return false;
    misses.clear();
    if (round_is_valid(engine)) {
      end(engine);
      return true;
    }
    begin_round(engine, handle);
  }
}

// True: answers are outstanding, and somebody else goes on.
bool BatchGetOperation::State::start_misses(Engine& engine) {
  load::Flights& flights = engine.loader().flights();
  outstanding.store(misses.size() + 1, std::memory_order_relaxed);  // nobody else has it yet
  for (Child& miss : misses) {
    Completion* child = detail::new_completion(parent->engine, inline_executor(), nullptr, nullptr);
    if (child == nullptr) {
      results[miss.index] = absl::ResourceExhaustedError("no memory for a load");
      outstanding.fetch_sub(1, std::memory_order_relaxed);  // the last step below orders it
      continue;
    }
    detail::release(child);  // nobody but the completer needs it
    child->intercept = &State::answered;
    child->intercept_context = &miss;
    const cache::Table::Key key{keys[miss.index].hash, store::kMainTable, this->key(miss.index)};
    if (flights.miss(key, child, load::Tell::kByCaller) == load::MissOutcome::kReady) {
      take_answer(child);
      outstanding.fetch_sub(1, std::memory_order_relaxed);  // the last step below orders it
    }
  }
  flights.tell_loader();
  return outstanding.fetch_sub(1, std::memory_order_acq_rel) != 1;  // (J1)
}

void BatchGetOperation::State::take_answer(Completion* child) noexcept {
  const std::uint32_t index = static_cast<Child*>(child->intercept_context)->index;
  if (child->code == absl::StatusCode::kOk) {
    results[index] = std::move(child->value);
  } else {
    results[index] = detail::make_status(child->code, child->message);
  }
  detail::release(child);
}

void BatchGetOperation::State::answered(Completion* child) noexcept {
  State* state = static_cast<Child*>(child->intercept_context)->state;
  state->take_answer(child);
  // (J1) Every answer happens before its decrement; whoever takes the last one sees them all. Pairs with itself.
  if (state->outstanding.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  state->misses.clear();
  const detail::EngineHandle& handle = state->parent->engine;
  if (!state->go_on(*handle.get(), handle)) return;
  Completion* parent = std::exchange(state->parent, nullptr);
  state->release();
  detail::complete(parent, absl::StatusCode::kOk);
}

void BatchGetOperation::State::end(Engine& engine) noexcept {
  if (std::exchange(holding, false) && engine.path().gate().unhold()) engine.path().doorbell().ring();
}

// --- the operation ---

BatchGetOperation::BatchGetOperation(detail::EngineHandle engine, std::span<const std::string_view> keys)
    : Operation(std::move(engine)), state_(new State()) {
  std::size_t bytes = 0;
  for (const std::string_view key : keys) bytes += key.size();
  state_->bytes.reserve(bytes);
  state_->keys.reserve(keys.size());
  state_->results.reserve(keys.size());
  for (const std::string_view key : keys) {
    detail::Immediate outcome{absl::StatusCode::kFailedPrecondition, "there is no database in this handle"};
    if (this->engine() != nullptr) outcome = this->engine()->check_key(key);
    const bool valid = outcome.code == absl::StatusCode::kOk;
    state_->keys.push_back(
        {state_->bytes.size(), key.size(), valid ? base::hash_key(store::kMainTable, key) : 0, valid});
    state_->bytes.append(key);
    state_->results.emplace_back(absl::Status(valid ? absl::StatusCode::kUnknown : outcome.code, outcome.message));
  }
}

BatchGetOperation::~BatchGetOperation() {
  if (state_ != nullptr) state_->release();
}

bool BatchGetOperation::try_now() noexcept {
  if (engine() == nullptr) return true;
  if (engine()->is_closed()) {
    fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
    return true;
  }
  do {
    state_->begin_round(*engine(), engine_);
    if (!state_->misses.empty()) return false;
  } while (!state_->round_is_valid(*engine()));
  state_->end(*engine());
  return true;
}

bool BatchGetOperation::suspend(detail::Completion* completion) noexcept {
  State* state = state_;
  Engine* engine = this->engine();
  state->parent = completion;
  state->references.fetch_add(1, std::memory_order_relaxed);  // we have one
  if (!state->go_on(*engine, completion->engine)) return true;
  state->parent = nullptr;
  state->release();
  detail::release(completion);  // there is no completer
  return false;
}

void BatchGetOperation::fail_now(absl::StatusCode code, const char* message) noexcept {
  for (absl::StatusOr<Value>& result : state_->results) result = absl::Status(code, message);
  if (engine() != nullptr) state_->end(*engine());
}

BatchGetOperation::Result BatchGetOperation::take() noexcept { return std::move(state_->results); }

}  // namespace dictsqlite
