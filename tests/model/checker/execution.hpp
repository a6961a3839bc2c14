// Execution: runs the threads of a scenario once, one step at a time. A step is an access to a checked atomic; before
// each one another thread may be given the turn, and each may have several stores to read. Decisions choose.
//
// Thread-safety: none. One execution runs at a time; checked atomics, Plain and Signal find it through current().
// Ownership:     borrows the scenario's world.
#pragma once

#include "model/checker/clock.hpp"
#include "model/checker/decisions.hpp"
#include "model/checker/fiber.hpp"
#include "model/checker/location.hpp"
#include "model/checker/scenario.hpp"
#include "model/checker/site.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::checker {

/// How far executions depart from the one that happens by itself.
struct Bounds {
  std::size_t preemptions = 2;     // turns taken from a thread that could run on
  std::size_t stale_accesses = 1;  // loads of a store that is not the newest, stores that do not become the newest
};

/// An access as the caller sees it.
struct Access {
  const void* address;
  std::uint64_t raw;  // what the memory holds: the newest value
  Operation operation;
  Orders orders;
  bool has_own_failure_order = false;
  const std::source_location& place;
};

enum class Fence : std::uint8_t { kLight, kHeavy };

class Execution {
 public:
  Execution() = default;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  /// The one that runs, or nullptr: checked atomics are then as plain as their memory.
  [[nodiscard]] static Execution* current() noexcept { return current_; }

  // --- for the explorer ---

  void set_bounds(const Bounds& bounds) noexcept { bounds_ = bounds; }
  void set_weakenings(std::span<const Weakening> weakenings) noexcept { weakenings_ = weakenings; }
  /// Every site that is passed is noted there, unless null.
  void set_sites(Sites* sites) noexcept { sites_ = sites; }
  void set_tracing(bool tracing) noexcept { tracing_ = tracing; }

  /// Constructs a world, runs its threads and checks it. False: a violation, and the world is left as it stands.
  [[nodiscard]] bool run(const Scenario& scenario, void* world, Decisions& decisions, const Contended& contended);
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  [[nodiscard]] const std::string& trail() const noexcept { return trail_; }
  /// Locations at which threads met that were not known to be contended.
  [[nodiscard]] const std::vector<const void*>& newly_contended() const noexcept { return newly_contended_; }

  // --- for checked atomics: each returns what was read; `access.raw` of the memory is then newest() ---

  [[nodiscard]] std::uint64_t load(const Access& access);
  void store(const Access& access, std::uint64_t value);
  template <class Change>
  std::uint64_t modify(const Access& access, Change&& change) {
    const Orders orders = begin_step(access, true);
    const std::size_t index = choose_source(orders.success);
    const std::uint64_t old_value = location_->history.value(index);
    finish_modify(access, index, orders.success, change(old_value));
    return old_value;
  }
  /// Whether it succeeded; `expected` becomes what was read if not.
  [[nodiscard]] bool compare_exchange(const Access& access, std::uint64_t& expected, std::uint64_t desired);
  /// Of the location that was just accessed.
  [[nodiscard]] std::uint64_t newest() const noexcept { return location_->history.value(location_->history.newest()); }
  /// A fence: it pairs with those of the other kind.
  void fence(Fence kind, const std::source_location& place);
  /// A new atomic begins its life at an address where there may have been another one. Those of the world are told
  /// apart by the order in which they are constructed: the heap may put them elsewhere each time.
  void begin_life(const void* address, std::uint64_t value);

  // --- for scenarios and what they are made of ---

  [[nodiscard]] std::size_t thread() const noexcept { return running_; }
  /// Now, for something that is not a step: later than every step before.
  [[nodiscard]] const Clock& tick() noexcept {
    threads_[running_].clock.tick(running_);
    return threads_[running_].clock;
  }
  /// What was promised does not hold. Does not return to a thread.
  void violate(std::string sentence);
  /// Lets others run until one of them has changed something since the thread last began to look.
  void yield();
  /// The same until *wakes is true.
  void sleep(const bool& wakes);
  void note(const std::string& line);

 private:
  enum class State : std::uint8_t { kReady, kYielding, kSleeping, kEnded };
  struct Thread {
    Clock clock;
    State state = State::kReady;
    std::uint64_t own_changes = 0;
    std::uint64_t changes_seen = 0;  // others' changes before it last went on after a yield
    bool has_seen_stale = false;     // since then
    const bool* wakes = nullptr;
    std::vector<Location*> looked_at;  // since it last yielded
  };
  static constexpr std::uint32_t kStepsMax = 8'000;
  static constexpr std::uint32_t kStepsInARowMax =
      1'000;  // then others get a turn: it may spin until they do something

  static void thread_body(void* self);
  [[nodiscard]] bool is_runnable(std::size_t thread) const noexcept;
  [[nodiscard]] std::uint64_t changes_by_others(const Thread& thread) const noexcept {
    return changes_ - thread.own_changes;
  }
  [[nodiscard]] Orders begin_step(const Access& access, bool writes);
  void find_contention(bool writes);
  void maybe_preempt();
  void hand_over();
  void be_fair();
  void switch_to(std::size_t thread);
  void leave_for_ever();
  [[nodiscard]] std::size_t choose_stale(std::size_t count);
  [[nodiscard]] std::size_t choose_source(std::memory_order order);
  void finish_modify(const Access& access, std::size_t index, std::memory_order order, std::uint64_t value);
  void learn_site(const Access& access);
  void trace(const Access& access, Orders orders, std::size_t back, std::uint64_t read, const std::uint64_t* written);

  static inline Execution* current_ = nullptr;

  Bounds bounds_;
  std::span<const Weakening> weakenings_;
  Sites* sites_ = nullptr;
  bool tracing_ = false;

  const Scenario* scenario_ = nullptr;
  void* world_ = nullptr;
  Decisions* decisions_ = nullptr;
  const Contended* contended_ = nullptr;

  Locations locations_;
  Location* location_ = nullptr;        // of the step under way
  std::array<Clock, 2> before_fences_;  // what was known to a thread that passed one, by the kind of fence
  std::array<Thread, kThreadsMax> threads_;
  std::array<Fiber, kThreadsMax> fibers_;
  std::size_t running_ = kMainThread;
  bool threads_run_ = false;
  std::uint32_t step_ = 0;
  std::uint32_t steps_in_a_row_ = 0;
  std::uint64_t changes_ = 0;
  std::uintptr_t births_ = 0;  // atomics of the world
  std::size_t preemptions_ = 0;
  std::size_t stale_accesses_ = 0;
  std::vector<std::size_t> options_;
  std::vector<const void*> newly_contended_;
  std::string violation_;
  std::string trail_;
};

}  // namespace dictsqlite::checker
