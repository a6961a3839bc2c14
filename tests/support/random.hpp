// Random numbers of tests: one seed a program, printed when it is first used, so that a failure can be repeated.
//
//     DICTSQLITE_SEED=123 build/dev/tests/property/property_test
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace dictsqlite::testing_support {

/// The seed of this run: DICTSQLITE_SEED if that is set, else a new one.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* const given = std::getenv("DICTSQLITE_SEED");
    std::random_device device;
    const std::uint64_t chosen =
        given != nullptr ? std::strtoull(given, nullptr, 0) : std::uint64_t{device()} << 32 | device();
    std::printf("DICTSQLITE_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    std::fflush(stdout);
    return chosen;
  }();
  return value;
}

/// A small fast generator (S. Vigna's splitmix64). Thread-safety: none; give each thread its own `stream`.
class Random {
 public:
  explicit Random(std::uint64_t stream = 0) noexcept : state_(seed() + stream * 0x9E3779B97F4A7C15u) {
    state_ = next();  // mixed: else one stream would be the next one, a number late
  }

  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  /// 0 to `bound` - 1.
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }
  /// True once in `n` times.
  bool one_in(std::size_t n) noexcept { return below(n) == 0; }

  std::string bytes(std::size_t count) {
    std::string result(count, '\0');
    for (char& byte : result) byte = static_cast<char>(next());
    return result;
  }

 private:
  std::uint64_t state_;
};

}  // namespace dictsqlite::testing_support
