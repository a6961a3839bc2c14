#include "task/thread_host.hpp"

#include "task/futex.hpp"

namespace dictsqlite::task {

namespace {

class SystemThreads final : public ThreadHost {
 public:
  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept override {
    return futex_wait(word, expected, deadline);
  }
  void wake_one(const std::atomic<std::uint32_t>* word) noexcept override { futex_wake_one(word); }
  void thread_starts(const char* /*name*/) noexcept override {}
  void thread_refused(const char* /*name*/) noexcept override {}
  void thread_begins(const char* /*name*/) noexcept override {}
  void thread_ends(const char* /*name*/) noexcept override {}
  void joins(const char* /*name*/) noexcept override {}
};

// Never destroyed: a thread that was detached may end after main() has.
union Immortal {
  constexpr Immortal() noexcept : threads() {}
  ~Immortal() {}
  SystemThreads threads;
};

}  // namespace

ThreadHost& system_threads() noexcept {
  static constinit Immortal immortal;
  return immortal.threads;
}

}  // namespace dictsqlite::task
