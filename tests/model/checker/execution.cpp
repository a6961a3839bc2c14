#include "model/checker/execution.hpp"

#include "base/assert.hpp"

#include <bit>
#include <cstdio>
#include <limits>
#include <utility>

namespace dictsqlite::checker {

bool Execution::run(const Scenario& scenario, void* world, Decisions& decisions, const Contended& contended) {
  DICTSQLITE_ASSERT(scenario.threads < kThreadsMax, "kThreadsMax is enough");
  scenario_ = &scenario;
  world_ = world;
  decisions_ = &decisions;
  contended_ = &contended;
  locations_.clear();
  before_fences_ = {};
  for (Thread& thread : threads_) {
    thread.clock = Clock();
    thread.state = State::kReady;
    thread.own_changes = 0;
    thread.changes_seen = 0;
    thread.has_seen_stale = false;
    thread.looked_at.clear();
  }
  running_ = kMainThread;
  threads_run_ = false;
  step_ = 0;
  steps_in_a_row_ = 0;
  changes_ = 0;
  births_ = 0;
  preemptions_ = 0;
  stale_accesses_ = 0;
  newly_contended_.clear();
  violation_.clear();
  trail_.clear();
  decisions.begin();
  current_ = this;

  threads_[kMainThread].clock.tick(kMainThread);
  scenario.construct(world);
  for (std::size_t index = 1; index <= scenario.threads; ++index) {
    threads_[index].clock.join(threads_[kMainThread].clock);
    fibers_[index].prepare(&Execution::thread_body, this);
  }
  threads_[kMainThread].state = State::kSleeping;
  threads_run_ = true;
  hand_over();
  threads_run_ = false;
  running_ = kMainThread;
  if (violation_.empty()) {
    for (std::size_t index = 1; index <= scenario.threads; ++index) {
      threads_[kMainThread].clock.join(threads_[index].clock);
    }
    scenario.check(world);
  }
  const bool holds = violation_.empty();
  current_ = nullptr;
  if (holds) scenario.destroy(world);
  return holds;
}

void Execution::thread_body(void* context) {
  Execution& self = *static_cast<Execution*>(context);
  self.threads_[self.running_].clock.tick(self.running_);
  self.scenario_->thread(self.world_, self.running_);
  self.threads_[self.running_].state = State::kEnded;
  self.hand_over();
}

// --- turns ---

bool Execution::is_runnable(std::size_t index) const noexcept {
  const Thread& thread = threads_[index];
  switch (thread.state) {
    case State::kReady:
      return true;
    case State::kYielding:
      return thread.has_seen_stale || thread.changes_seen != changes_by_others(thread);
    case State::kSleeping:
      return *thread.wakes;
    case State::kEnded:
      break;
  }
  return false;
}

// Before a step that may matter to another thread.
void Execution::maybe_preempt() {
  if (decisions_->mode() == Decisions::Mode::kExhaustive && preemptions_ >= bounds_.preemptions) return;
  options_.assign(1, running_);
  for (std::size_t index = 1; index <= scenario_->threads; ++index) {
    if (index != running_ && is_runnable(index)) options_.push_back(index);
  }
  if (options_.size() == 1) return;
  const std::size_t chosen = decisions_->choose(DecisionKind::kThread, step_, options_.size(),
                                                [&](std::size_t option) { return options_[option]; });
  if (chosen == 0) return;
  ++preemptions_;
  switch_to(options_[chosen]);
  ++step_;  // others have gone on: each decision has a step of its own
}

// The thread that runs cannot go on: whose turn is it?
void Execution::hand_over() {
  ++step_;
  options_.clear();
  bool all_ended = true;
  for (std::size_t index = 1; index <= scenario_->threads; ++index) {
    all_ended = all_ended && threads_[index].state == State::kEnded;
    if (is_runnable(index)) options_.push_back(index);
  }
  if (all_ended) {
    leave_for_ever();
    return;
  }
  if (options_.empty()) {
    violate("nobody can run: everybody sleeps or waits for somebody else");
    return;
  }
  std::size_t chosen = 0;
  if (options_.size() > 1) {
    chosen = decisions_->choose(DecisionKind::kThread, step_, options_.size(),
                                [&](std::size_t option) { return options_[option]; });
  }
  switch_to(options_[chosen]);
}

void Execution::be_fair() {
  if (++steps_in_a_row_ <= kStepsInARowMax) return;
  steps_in_a_row_ = 0;
  for (std::size_t next = 1; next <= scenario_->threads; ++next) {
    const std::size_t index = (running_ + next - 1) % scenario_->threads + 1;
    if (index == running_ || !is_runnable(index)) continue;
    switch_to(index);
    return;
  }
}

void Execution::switch_to(std::size_t index) {
  steps_in_a_row_ = 0;
  const std::size_t self = running_;
  if (index == self) {
    threads_[self].state = State::kReady;
    return;
  }
  threads_[index].state = State::kReady;
  running_ = index;
  fibers_[self].resume(fibers_[index]);
}

void Execution::leave_for_ever() {
  const std::size_t self = std::exchange(running_, kMainThread);
  if (self != kMainThread) fibers_[self].resume(fibers_[kMainThread]);
}

void Execution::violate(std::string sentence) {
  if (violation_.empty()) violation_ = std::move(sentence);
  if (threads_run_) leave_for_ever();
}

void Execution::yield() {
  if (!threads_run_) return;
  Thread& self = threads_[running_];
  self.state = State::kYielding;
  hand_over();
  self.changes_seen = changes_by_others(self);
  self.has_seen_stale = false;
  // What it waits for becomes visible some time.
  for (Location* const location : self.looked_at) {
    location->history.see_newest(running_, self.clock);
  }
  self.looked_at.clear();
}

void Execution::sleep(const bool& wakes) {
  Thread& self = threads_[running_];
  self.state = State::kSleeping;
  self.wakes = &wakes;
  hand_over();
  self.wakes = nullptr;
}

// --- steps ---

Orders Execution::begin_step(const Access& access, bool writes) {
  if (sites_ != nullptr && threads_run_) learn_site(access);
  location_ = &locations_.find(access.address, access.raw, *contended_);
  if (threads_run_) {
    ++step_;
    if (step_ > kStepsMax) violate("livelock: the execution does not end");
    Location* const location = location_;
    be_fair();
    if (location->is_contended || decisions_->mode() != Decisions::Mode::kExhaustive) maybe_preempt();
    location_ = location;
    find_contention(writes);
    threads_[running_].looked_at.push_back(location_);
  }
  threads_[running_].clock.tick(running_);
  if (writes) {
    ++changes_;
    ++threads_[running_].own_changes;
  }
  Orders orders = access.orders;
  for (const Weakening& weakening : weakenings_) {
    if (is_at(access.place, weakening.place)) orders = weakening.apply(orders, access.has_own_failure_order);
  }
  return orders;
}

void Execution::find_contention(bool writes) {
  const std::uint32_t bit = std::uint32_t{1} << running_;
  (writes ? location_->writers : location_->readers) |= bit;
  if (location_->is_contended || location_->writers == 0) return;
  if (std::has_single_bit(location_->readers | location_->writers)) return;
  location_->is_contended = true;
  newly_contended_.push_back(location_->identity);
}

std::size_t Execution::choose_stale(std::size_t count) {
  if (count <= 1 || !threads_run_) return 0;
  if (decisions_->mode() == Decisions::Mode::kExhaustive && stale_accesses_ >= bounds_.stale_accesses) return 0;
  const std::size_t back =
      decisions_->choose(DecisionKind::kStore, step_, count, [](std::size_t option) { return option; });
  if (back != 0) {
    ++stale_accesses_;
    threads_[running_].has_seen_stale = true;
  }
  return back;
}

std::uint64_t Execution::load(const Access& access) {
  const std::memory_order order = begin_step(access, false).success;
  Thread& self = threads_[running_];
  History& history = location_->history;
  const std::size_t oldest = history.oldest_readable(self.clock, Order(order));
  const std::size_t back = choose_stale(history.size() - oldest);
  const std::uint64_t value = history.read(history.newest() - back, running_, self.clock, Order(order));
  if (tracing_) trace(access, {order, order}, back, value, nullptr);
  return value;
}

void Execution::store(const Access& access, std::uint64_t value) {
  const std::memory_order order = begin_step(access, true).success;
  const std::size_t index = choose_source(order);
  const std::size_t back = location_->history.newest() - index;
  location_->history.write(index, value, running_, threads_[running_].clock, Order(order));
  if (tracing_) trace(access, {order, order}, back, 0, &value);
}

// The store that another one is to stand right behind.
std::size_t Execution::choose_source(std::memory_order order) {
  const History& history = location_->history;
  const std::size_t oldest = history.oldest_readable(threads_[running_].clock, Order(order));
  if (oldest == history.newest()) return oldest;
  options_.clear();
  for (std::size_t index = history.size(); index-- > oldest;) {
    if (history.may_follow(index)) options_.push_back(index);
  }
  return options_[choose_stale(options_.size())];
}

void Execution::finish_modify(const Access& access, std::size_t index, std::memory_order order, std::uint64_t value) {
  Thread& self = threads_[running_];
  History& history = location_->history;
  const std::size_t back = history.newest() - index;
  const std::uint64_t old_value = history.read(index, running_, self.clock, Order(order));
  history.modify(index, value, running_, self.clock, Order(order));
  if (tracing_) trace(access, {order, order}, back, old_value, &value);
}

bool Execution::compare_exchange(const Access& access, std::uint64_t& expected, std::uint64_t desired) {
  const Orders orders = begin_step(access, true);
  Thread& self = threads_[running_];
  History& history = location_->history;
  // It succeeds on what it expects, behind which it must find place, and fails on anything else, as a load.
  const std::size_t oldest_source = history.oldest_readable(self.clock, Order(orders.success));
  const std::size_t oldest_load = history.oldest_readable(self.clock, Order(orders.failure));
  options_.clear();
  for (std::size_t index = history.size(); index-- > 0;) {
    const bool matches = history.value(index) == expected;
    if (matches ? index >= oldest_source && history.may_follow(index) : index >= oldest_load) options_.push_back(index);
  }
  const std::size_t index = options_[choose_stale(options_.size())];
  if (history.value(index) == expected) {
    finish_modify(access, index, orders.success, desired);
    return true;
  }
  const std::size_t back = history.newest() - index;
  expected = history.read(index, running_, self.clock, Order(orders.failure));
  if (tracing_) trace(access, {orders.failure, orders.failure}, back, expected, nullptr);
  return false;
}

void Execution::fence(Fence kind, const std::source_location& place) {
  if (!threads_run_) return;
  const Orders orders{std::memory_order_seq_cst, std::memory_order_seq_cst};
  if (sites_ != nullptr) learn_site({nullptr, 0, Operation::kFence, orders, false, place});
  ++step_;
  be_fair();
  maybe_preempt();
  Clock& clock = threads_[running_].clock;
  clock.tick(running_);
  for (const Weakening& weakening : weakenings_) {
    if (is_at(place, weakening.place)) return;  // it is not there
  }
  const auto self = static_cast<std::size_t>(kind);
  const std::size_t other = 1 - self;
  clock.see(before_fences_[other]);
  if (kind == Fence::kHeavy) clock.see(before_fences_[self]);
  before_fences_[self].join_known(clock);
  note(kind == Fence::kHeavy ? "heavy fence" : "light fence");
}

void Execution::begin_life(const void* address, std::uint64_t value) {
  Location& location = locations_.find(address, value, *contended_);
  location.history.begin(value);
  if (threads_run_) return;
  location.identity = std::bit_cast<const void*>(++births_);  // no address is as small
  location.is_contended = contended_->contains(location.identity);
}

// --- what is written down ---

void Execution::learn_site(const Access& access) {
  Site& site = (*sites_)[Place(access.place)];
  if (!site.function.empty()) return;
  site.function = bare_function_name(access.place.function_name());
  site.operation = access.operation;
  site.orders = access.orders;
  site.has_own_failure_order = access.has_own_failure_order;
}

void Execution::note(const std::string& line) {
  if (tracing_) trail_ += "  " + std::to_string(step_) + " thread " + std::to_string(running_) + " " + line + "\n";
}

void Execution::trace(const Access& access, Orders orders, std::size_t back, std::uint64_t read,
                      const std::uint64_t* written) {
  const Place place(access.place);
  std::string line(place.file);
  line += ":" + std::to_string(place.line) + " " + bare_function_name(access.place.function_name()) + "() ";
  line += name_of(access.operation);
  line += " ";
  line += name_of(orders.success);
  line += " [" + std::to_string(location_->number) + "]";
  const auto hex = [](std::uint64_t value) {
    char text[20];
    std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(value));
    return std::string(text);
  };
  if (access.operation != Operation::kStore) line += " read " + hex(read);
  if (written != nullptr) line += " wrote " + hex(*written);
  if (back != 0) line += " (not the newest, " + std::to_string(back) + " back)";
  note(line);
}

}  // namespace dictsqlite::checker
