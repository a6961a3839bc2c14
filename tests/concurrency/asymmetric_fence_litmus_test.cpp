// Goal: of a light and a heavy fence one comes first, and its thread's stores are seen behind the other; where the
// kernel refuses membarrier(2) as well. Method: store buffering, which x86 shows without fences; a child process whose
// system call filter refuses.
#include "base/asymmetric_fence.hpp"

#include "support/forked.hpp"
#include "support/litmus.hpp"
#include "support/refused_call.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <string>

#include <sys/syscall.h>

namespace dictsqlite::base {
namespace {

using testing_support::expect_never_fails;
using testing_support::expect_seen_to_fail;
using testing_support::in_fork;
using testing_support::LitmusPlan;
using testing_support::LitmusResult;
using testing_support::refuse_call;
using testing_support::run_litmus;

template <bool kFenced>
LitmusResult play(const LitmusPlan& plan) {
  prepare_fences();
  alignas(kCacheLine) std::atomic<int> first{0};
  alignas(kCacheLine) std::atomic<int> second{0};
  bool first_seen = false;
  bool second_seen = false;
  return run_litmus(
      plan,
      [&] {
        first.store(1, std::memory_order_relaxed);
        if (kFenced) light_fence();
        second_seen = second.load(std::memory_order_relaxed) != 0;
      },
      [&] {
        second.store(1, std::memory_order_relaxed);
        if (kFenced) heavy_fence();
        first_seen = first.load(std::memory_order_relaxed) != 0;
      },
      [&] {
        const bool failed = !first_seen && !second_seen;
        first.store(0, std::memory_order_relaxed);
        second.store(0, std::memory_order_relaxed);
        return failed;
      });
}

LitmusResult play_fenced(const LitmusPlan& plan) { return play<true>(plan); }

// First: whether the kernel refuses is asked once in the life of a process.
TEST(AsymmetricFenceLitmus, OneOfTheTwoComesFirstWhereTheKernelRefuses) {
  const std::string said = in_fork([]() -> std::string {
    if (std::string sentence = refuse_call(SYS_membarrier, EPERM); !sentence.empty()) return sentence;
    prepare_fences();
    if (fences_are_asymmetric()) return "the kernel did not refuse";
    expect_never_fails(&play_fenced, 200'000);
    return ::testing::Test::HasFailure() ? "both missed each other" : "";
  });
  EXPECT_EQ(said, "");
}

TEST(AsymmetricFenceLitmus, OneOfTheTwoComesFirst) { expect_never_fails(&play_fenced, 200'000); }

TEST(AsymmetricFenceLitmus, IsNeeded) { expect_seen_to_fail(&play<false>); }

}  // namespace
}  // namespace dictsqlite::base
