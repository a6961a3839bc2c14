#include "task/resume_thread.hpp"

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/compiler.hpp"
#include "task/parker.hpp"
#include "task/work_queue.hpp"

#include <utility>

namespace dictsqlite::task {

namespace {

// The thread's own, if it has one.
constinit thread_local ResumeThread::WakeOnce* current_wake_once = nullptr;

}  // namespace

struct ResumeThread::State {
  State(std::chrono::nanoseconds time, ThreadHost& host) noexcept : polling_time(time), parker(host) {
    stop.run = [](Work* work) noexcept { static_cast<StopWork*>(work)->posted = true; };
  }

  static void post(void* context, Work* work) noexcept;
  void run_until_stopped() noexcept;
  bool poll_for_work() const noexcept;

  struct StopWork : Work {
    bool posted = false;  // the consumer's
  };

  const std::chrono::nanoseconds polling_time;
  StopWork stop;                // asks the thread to end, in the order of posting like everything else
  std::shared_ptr<State> self;  // the thread's reference, until it picks it up
  alignas(base::kCacheLine) WorkQueue<> queue;
  alignas(base::kCacheLine) Parker parker;
};

ResumeThread::ResumeThread(std::chrono::nanoseconds polling_time, ThreadHost& host)
    : state_(std::make_shared<State>(polling_time, host)), thread_(host) {}

ResumeThread::~ResumeThread() { stop(); }

absl::Status ResumeThread::start() {
  DICTSQLITE_ASSERT(!started_ && !stopped_, "a resume thread is started once");
  state_->self = state_;
  absl::Status status = thread_.start(
      "dictsql-resume",
      [](void* context) noexcept {
        const std::shared_ptr<State> state = std::move(static_cast<State*>(context)->self);
        state->run_until_stopped();
      },
      state_.get());
  started_ = status.ok();
  if (!started_) state_->self = nullptr;
  return status;
}

Executor ResumeThread::executor() noexcept { return Executor{state_.get(), &State::post}; }

void ResumeThread::stop() noexcept {
  if (stopped_) return;
  stopped_ = true;
  State::post(state_.get(), &state_->stop);
  if (!started_) {
    state_->run_until_stopped();
  } else if (thread_.is_current()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

ResumeThread::WakeOnce::WakeOnce(ResumeThread& thread) noexcept : state_(*thread.state_) {
  DICTSQLITE_ASSERT(current_wake_once == nullptr, "they do not nest");
  current_wake_once = this;
}

ResumeThread::WakeOnce::~WakeOnce() {
  current_wake_once = nullptr;
  if (owed_) state_.parker.unpark();
}

void ResumeThread::State::post(void* context, Work* work) noexcept {
  auto* state = static_cast<State*>(context);
  switch (state->queue.push(work)) {
    case PushResult::kQueued:
      break;
    case PushResult::kWakeConsumer:
      if (current_wake_once != nullptr && &current_wake_once->state_ == state) {
        current_wake_once->owed_ = true;
      } else {
        state->parker.unpark();
      }
      break;
    case PushResult::kClosed:
      work->run(work);
      break;
  }
}

void ResumeThread::State::run_until_stopped() noexcept {
  for (;;) {
    Work* chain = queue.take_all();
    if (chain != nullptr) {
      while (chain != nullptr) {
        Work* work = pop_first(chain);
        work->run(work);
      }
    } else if (stop.posted) {
      if (queue.close()) return;
    } else if (!poll_for_work() && queue.try_park()) {
      parker.park();
    }
  }
}

/// Looks for work for the polling time. True if there seems to be some.
bool ResumeThread::State::poll_for_work() const noexcept {
  if (polling_time <= std::chrono::nanoseconds::zero()) return false;
  constexpr int kLooksPerClock = 32;
  const base::SteadyClock clock;
  const base::Instant start = clock.now();
  do {
    for (int look = 0; look < kLooksPerClock; ++look) {
      if (!queue.looks_empty()) return true;
      base::spin_pause();
    }
  } while (clock.now() - start < polling_time);
  return false;
}

}  // namespace dictsqlite::task
