// The last handle of an engine ends it, and nobody touches it afterwards.
#include "database/handle_count.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {
namespace {

using HandleCount = detail::BasicHandleCount<CheckedAtomics>;

// What is counted, used by every thread while it has a handle, and destroyed by whoever is told that it was the last.
struct Engine {
  void use() { uses[Execution::current()->thread()].write(1); }
  void end_if(bool is_last) {
    if (!is_last) return;
    expect(!is_gone.read(), "nobody else was told so");
    is_gone.write(true);
    for (Plain<int>& use : uses) use.write(2);
  }

  HandleCount count;
  std::array<Plain<int>, kThreadsMax> uses;
  Plain<bool> is_gone{false, "whether the engine is gone"};
};

// The owner lets go, and destroys the handle that he himself has, while another thread destroys one.
struct OwnerAndHandle : Engine {
  static constexpr std::size_t kThreads = 2;

  OwnerAndHandle() { expect(count.try_retain_by_owner(), "the thread has a number"); }
  void thread(std::size_t index) {
    use();
    end_if(index == 1 ? count.let_go() : count.release());
  }
  void check() { expect(is_gone.read(), "somebody was told that it was the last"); }
};

// Handles that go from thread to thread: each is made by one and destroyed by another.
struct OwnerAndHandles : Engine {
  static constexpr std::size_t kThreads = 3;

  OwnerAndHandles() {
    count.retain();
    count.retain();
  }
  void thread(std::size_t index) {
    if (index == 1) {
      use();
      return end_if(count.let_go());
    }
    if (index == 2) count.retain();
    use();
    end_if(count.release());
    if (index == 2) {
      use();
      end_if(count.release());
    }
  }
  void check() { expect(is_gone.read(), "somebody was told that it was the last"); }
};

}  // namespace

std::vector<Study> handle_count_studies() {
  return {
      {scenario_of<OwnerAndHandle>("handles: the owner and one"), {.preemptions = 3, .stale_accesses = 2}},
      {scenario_of<OwnerAndHandles>("handles: the owner and two others"), {.preemptions = 2, .stale_accesses = 1}},
  };
}

}  // namespace dictsqlite::checker
