// Goal: a kernel that refuses membarrier(2) after light fences have relied on it ends the process; a fork is no
// refusal. Method: child processes, one whose system call filter comes too late. What the fences promise:
// concurrency/asymmetric_fence_litmus_test.cpp.
#include "base/asymmetric_fence.hpp"

#include "support/forked.hpp"
#include "support/refused_call.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <string>

#include <sys/resource.h>
#include <sys/syscall.h>

namespace dictsqlite::base {
namespace {

using testing_support::in_fork;
using testing_support::refuse_call;

TEST(AsymmetricFence, WorksInAForkedProcess) {
  prepare_fences();
  EXPECT_EQ(in_fork([]() -> std::string {
              heavy_fence();
              return "";
            }),
            "");
}

TEST(AsymmetricFence, EndsTheProcessIfTheKernelRefusesLater) {
  const std::string said = in_fork([]() -> std::string {
    prepare_fences();
    if (!fences_are_asymmetric()) return "the kernel refuses already";
    heavy_fence();
    if (std::string sentence = refuse_call(SYS_membarrier, EPERM); !sentence.empty()) return sentence;
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    heavy_fence();
    return "it goes on";
  });
  EXPECT_EQ(said, " (the process ended with status " + std::to_string(SIGABRT) + ")");
}

}  // namespace
}  // namespace dictsqlite::base
