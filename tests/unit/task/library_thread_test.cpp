// Goal: our threads are named, marked and deaf to signals; a thread that cannot be started is an error.
// Method: a thread that looks at itself.
#include "task/library_thread.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace dictsqlite::task {
namespace {

struct Seen {
  std::string name;
  bool marked = false;
  bool is_current = false;
  bool hears_sigterm = true;
  LibraryThread* thread = nullptr;
};

void look(void* context) noexcept {
  auto* seen = static_cast<Seen*>(context);
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof(name));
  seen->name = name;
  seen->marked = on_library_thread();
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  seen->hears_sigterm = sigismember(&blocked, SIGTERM) == 0;
}

TEST(LibraryThread, IsNamedMarkedAndDeafToSignals) {
  Seen seen;
  LibraryThread thread;
  ASSERT_TRUE(thread.start("dictsqlite-test", &look, &seen).ok());
  EXPECT_FALSE(thread.is_current());
  thread.join();
  EXPECT_EQ(seen.name, "dictsqlite-test");
  EXPECT_TRUE(seen.marked);
  EXPECT_FALSE(seen.hears_sigterm);
}

TEST(LibraryThread, LeavesTheStartersSignalsAlone) {
  sigset_t before;
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  Seen seen;
  LibraryThread thread;
  ASSERT_TRUE(thread.start("test", &look, &seen).ok());
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  thread.join();
  EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

TEST(LibraryThread, JoinWithoutAThreadDoesNothing) {
  LibraryThread thread;
  thread.join();
}

TEST(LibraryThread, OtherThreadsAreNotMarked) {
  EXPECT_FALSE(on_library_thread());
  assert_may_block();
}

TEST(LibraryThreadMark, HoldsForItsLife) {
  {
    const LibraryThreadMark mark("test");
    EXPECT_TRUE(on_library_thread());
  }
  EXPECT_FALSE(on_library_thread());
}

TEST(LibraryThreadDeathTest, NotJoinedAborts) {
  EXPECT_DEATH(
      {
        LibraryThread thread;
        Seen seen;
        static_cast<void>(thread.start("test", &look, &seen));
      },
      "joins its thread");
}

}  // namespace
}  // namespace dictsqlite::task
