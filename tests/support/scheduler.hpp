// Scheduler: runs a few threads one at a time and decides itself, from a seed, before which access to an atomic another
// one goes on. What would take days to meet by chance comes up within thousands of short runs, and the same seed
// brings it back. It explores interleavings, not weak memory: every access is in one order.
//
// Thread-safety: run() from the thread that made it. The bodies may call step() and yield().
#pragma once

#include "support/hooked_atomics.hpp"
#include "support/random.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

namespace dictsqlite::testing_support {

class Scheduler {
 public:
  /// About one access in `accesses_per_switch` is preceded by a change of threads.
  Scheduler(std::size_t threads, std::uint64_t stream, std::size_t accesses_per_switch)
      : random_(stream), accesses_per_switch_(accesses_per_switch) {
    for (std::size_t index = 0; index < threads; ++index) workers_.push_back(std::make_unique<Worker>());
    for (const std::unique_ptr<Worker>& worker : workers_) {
      worker->thread = std::thread([this, self = worker.get()] { work(*self); });
    }
  }
  ~Scheduler() {
    stopping_ = true;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      worker->turn.release();
      worker->thread.join();
    }
  }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Runs all bodies, interleaved, to their ends. As many as there are threads.
  void run(std::vector<std::function<void()>> bodies) {
    for (std::size_t index = 0; index < workers_.size(); ++index) {
      workers_[index]->body = std::move(bodies[index]);
      workers_[index]->live = true;
    }
    any_live()->turn.release();
    done_.acquire();
  }

  /// Before each access; does nothing on threads that are not a scheduler's.
  static void step() {
    if (current_ != nullptr && current_->random_.one_in(current_->accesses_per_switch_)) current_->change();
  }
  /// The caller waits for another thread to do something.
  static void yield() {
    if (current_ != nullptr) current_->change();
  }

 private:
  struct Worker {
    std::thread thread;
    std::binary_semaphore turn{0};  // released when it is this one's turn: everything else is handed over with it
    std::function<void()> body;
    bool live = false;
  };

  void work(Worker& self) {
    current_ = this;
    running_self_ = &self;
    for (;;) {
      self.turn.acquire();
      if (stopping_) return;
      self.body();
      self.live = false;
      Worker* const next = any_live();
      (next != nullptr ? next->turn : done_).release();
    }
  }
  void change() {
    Worker* const self = running_self_;
    Worker* const next = any_live();
    if (next == self) return;
    next->turn.release();
    self->turn.acquire();
  }
  Worker* any_live() {
    std::size_t index = random_.below(workers_.size());
    for (std::size_t tries = 0; tries < workers_.size(); ++tries, index = (index + 1) % workers_.size()) {
      if (workers_[index]->live) return workers_[index].get();
    }
    return nullptr;
  }

  static inline thread_local Scheduler* current_ = nullptr;
  static inline thread_local Worker* running_self_ = nullptr;

  Random random_;
  const std::size_t accesses_per_switch_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::binary_semaphore done_{0};
  bool stopping_ = false;
};

using ScheduledAtomics = HookedAtomics<Scheduler>;

}  // namespace dictsqlite::testing_support
