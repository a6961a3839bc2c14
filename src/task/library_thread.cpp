#include "task/library_thread.hpp"

#include "base/assert.hpp"

#include <absl/strings/str_cat.h>

#include <csignal>
#include <cstring>

namespace dictsqlite::task {
namespace {

constinit thread_local bool current_is_library_thread = false;
constinit thread_local const LibraryThread* current_thread = nullptr;  // until it is detached

}  // namespace

LibraryThreadMark::LibraryThreadMark(const char* name) noexcept {
  DICTSQLITE_ASSERT(!current_is_library_thread, "a thread is marked once");
  current_is_library_thread = true;
  // Only for people who look at the program; without the name everything works.
  static_cast<void>(::pthread_setname_np(::pthread_self(), name));
}

LibraryThreadMark::~LibraryThreadMark() { current_is_library_thread = false; }

bool on_library_thread() noexcept { return current_is_library_thread; }

void assert_may_block() noexcept {
  DICTSQLITE_ASSERT(!current_is_library_thread,
                    "a blocking call on one of the library's own threads would wait for itself: use the coroutine or "
                    "callback form there");
}

LibraryThread::~LibraryThread() { DICTSQLITE_ASSERT(!joinable_, "the owner joins its thread"); }

// pthread_create and not std::thread, which reports failure with an exception.
absl::Status LibraryThread::start(const char* name, Main main, void* context) {
  DICTSQLITE_ASSERT(!joinable_, "a thread is started once");
  DICTSQLITE_ASSERT(std::strlen(name) <= 15, "longer names are refused by the kernel");
  name_ = name;
  main_ = main;
  context_ = context;

  joinable_ = true;  // before the thread can detach itself
  host_.thread_starts(name);
  // The new thread inherits the mask, so there is no moment in which a signal can reach it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(&thread_, nullptr, &LibraryThread::run, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    joinable_ = false;
    host_.thread_refused(name);
    return absl::ResourceExhaustedError(
        absl::StrCat("pthread_create (", name, "): errno ", error, "; often a limit on threads or memory"));
  }
  return absl::OkStatus();
}

void LibraryThread::join() noexcept {
  if (!joinable_) return;
  DICTSQLITE_ASSERT(!is_current(), "a thread cannot wait for itself");
  host_.joins(name_);
  const int error = ::pthread_join(thread_, nullptr);
  DICTSQLITE_ASSERT(error == 0, "joining a thread that is there cannot fail");
  joinable_ = false;
}

void LibraryThread::detach() noexcept {
  DICTSQLITE_ASSERT(is_current(), "only from the thread itself: it might still be reading this object");
  ::pthread_detach(::pthread_self());
  joinable_ = false;
  current_thread = nullptr;
}

bool LibraryThread::is_current() const noexcept { return current_thread == this; }

void* LibraryThread::run(void* self) {
  auto* thread = static_cast<LibraryThread*>(self);
  // Copied: main may detach the thread and destroy the object.
  const Main main = thread->main_;
  void* context = thread->context_;
  ThreadHost& host = thread->host_;
  const char* const name = thread->name_;
  const LibraryThreadMark mark(name);
  current_thread = thread;
  host.thread_begins(name);
  main(context);
  host.thread_ends(name);
  return nullptr;
}

}  // namespace dictsqlite::task
