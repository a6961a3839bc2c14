// How much work a test does: all of it in an optimised build, a part of it where every access is checked.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace dictsqlite::testing_support {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#else
inline constexpr bool kThreadSanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

#if defined(__OPTIMIZE__)
inline constexpr bool kOptimised = true;
#else
inline constexpr bool kOptimised = false;
#endif

/// `count` in an optimised build; a tenth of it under a sanitizer, a quarter without optimisation; times
/// DICTSQLITE_TEST_FACTOR if that is set, 300 or 0.1 say. At least 1.
inline std::size_t scaled(std::size_t count) noexcept {
  static const double factor = [] {
    const char* const given = std::getenv("DICTSQLITE_TEST_FACTOR");
    const double number = given != nullptr ? std::strtod(given, nullptr) : 1;
    return number > 0 ? number : 1;
  }();
  const double divisor = kThreadSanitizer || kAddressSanitizer ? 10 : kOptimised ? 1 : 4;
  const auto result = static_cast<std::size_t>(static_cast<double>(count) * factor / divisor);
  return result > 0 ? result : 1;
}

}  // namespace dictsqlite::testing_support
