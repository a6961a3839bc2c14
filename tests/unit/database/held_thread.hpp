// HeldThread: keeps one of the library's own threads where it is, so that a test can put what it wants in front of it.
//
//     HeldThread loader;
//     loader.hold(database.get_async("a key nobody asked for yet"));                // ends on the loader
//     HeldThread flusher;
//     flusher.hold(database.set_async("key", "value", {.ack = Ack::kDurable}));     // ends on the flusher
//
// What inline_executor() forbids: the continuation blocks.
//
// Thread-safety: none. Ownership: shares its state with the thread it holds; lets it go when destroyed.
#pragma once

#include <dictsqlite/executor.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace dictsqlite::testing_support {

class HeldThread {
 public:
  HeldThread() = default;
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  ~HeldThread() { let_go(); }

  /// Returns when the thread is held that completes `operation`, which must not be ready at once.
  template <class Operation>
  void hold(Operation operation) {
    std::move(operation).via(inline_executor()).start([state = state_](const typename Operation::Result&) noexcept {
      state->held.store(true);
      state->held.notify_one();
      state->let_go.wait(false);
    });
    state_->held.wait(false);
  }
  void let_go() {
    state_->let_go.store(true);
    state_->let_go.notify_one();
  }

 private:
  struct State {
    std::atomic<bool> held{false};
    std::atomic<bool> let_go{false};
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace dictsqlite::testing_support
