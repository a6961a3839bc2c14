// HandleCount: counts the handles of an engine, on stripes, so that operations of different threads do not meet on
// one cache line. A two-level counter after F. Ellen et al., "SNZI: Scalable NonZero Indicators" (2007), whose leaves
// are kept from touching the root by the owner's share in each.
//
// Thread-safety: any thread. Progress: wait-free.
//
// The root counts the stripes that are not empty. The owner holds one count in every stripe until let_go(), so that
// no stripe becomes empty before, and the root is not touched. A new handle is counted on the calling thread's
// stripe while the owner is there, otherwise on the stripe of the handle it is made from: never on an empty one.
#pragma once

#include "base/compiler.hpp"
#include "base/thread_stripe.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace dictsqlite::detail {

class HandleCount {
 public:
  /// A stripe for a new handle; only while the owner has not let go.
  [[nodiscard]] static std::uint32_t spread() noexcept { return base::thread_stripe() % kStripes; }

  void retain(std::uint32_t stripe) noexcept {
    stripes_[stripe].count.fetch_add(1, std::memory_order_relaxed);  // the caller's own handle keeps it alive
  }
  /// True for exactly one call: the last. Then nobody uses what is counted any more, and the caller destroys it.
  [[nodiscard]] bool release(std::uint32_t stripe) noexcept {
    // (N1) Every use of the engine happens before its release; acquire makes the last one see them. Pairs with itself.
    if (stripes_[stripe].count.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
    return root_.fetch_sub(1, std::memory_order_acq_rel) == 1;  // (N1)
  }
  /// Gives up the owner's counts. Returns as release() does.
  [[nodiscard]] bool let_go() noexcept {
    bool last = false;
    // Once the last stripe is released the engine may be gone, but then the loop is over.
    for (std::uint32_t stripe = 0; stripe < kStripes; ++stripe) last = release(stripe);
    return last;
  }

 private:
  static constexpr std::uint32_t kStripes = 8;
  struct alignas(base::kCacheLine) Stripe {
    std::atomic<std::uint64_t> count{1};  // handles, and one for the owner. (N1)
  };
  std::array<Stripe, kStripes> stripes_;
  std::atomic<std::uint32_t> root_{kStripes};  // stripes that are not empty. (N1)
};

}  // namespace dictsqlite::detail
