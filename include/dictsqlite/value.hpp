/// \file
/// Value: the immutable bytes a read hands out.
#pragma once

#include <dictsqlite/detail/few_bytes.hpp>
#include <dictsqlite/export.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite {

namespace detail {
class ValueAccess;
struct SharedBytes;

/// Bytes that a Value shares with the cache: what is counted, and the engine it lives in.
struct SharedRef {
  const char* data;
  SharedBytes* bytes;
  void* engine;
};
DICTSQLITE_EXPORT void retain(const SharedRef& shared) noexcept;
DICTSQLITE_EXPORT void release(const SharedRef& shared) noexcept;
}  // namespace detail

/// Counted, immutable bytes. Up to kInlineBytes are held in the object itself; longer values are shared with the
/// cache, without a copy, and stay valid as long as a handle lives: also after the key was overwritten, evicted
/// or the database closed. What is held so is in memory beyond the cache budget: Stats::held_bytes. A value may have
/// eight million handles.
///
/// Thread-safety: as an int. Different handles to the same bytes may be used from different threads.
/// Cost:          a copy is a memcpy of kInlineBytes or one atomic increment; it never allocates.
class Value {
 public:
  /// Longest value that is copied into the handle.
  static constexpr std::size_t kInlineBytes = 104;
  static_assert(kInlineBytes <= detail::kFewBytes);

  Value() noexcept : size_(0) {}  // not defaulted: `const Value none;` is one, too
  Value(const Value& other) noexcept { copy_from(other); }
  Value(Value&& other) noexcept { take_from(other); }
  Value& operator=(const Value& other) noexcept {
    if (this != &other) {
      reset();
      copy_from(other);
    }
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    if (this != &other) {
      reset();
      take_from(other);
    }
    return *this;
  }
  ~Value() { reset(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Not NUL-terminated. Valid while this handle lives and is not assigned to.
  [[nodiscard]] const char* data() const noexcept { return is_inline() ? storage_.bytes : storage_.shared.data; }
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size_}; }
  operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] std::string str() const { return std::string(view()); }

  friend bool operator==(const Value& a, const Value& b) noexcept { return a.view() == b.view(); }
  friend bool operator==(const Value& a, std::string_view b) noexcept { return a.view() == b; }

 private:
  friend class detail::ValueAccess;

  [[nodiscard]] bool is_inline() const noexcept { return size_ <= kInlineBytes; }
  [[nodiscard]] bool has_bytes() const noexcept { return size_ - 1 < kInlineBytes; }  // inline, and some
  void copy_from(const Value& other) noexcept {
    size_ = other.size_;
    if (has_bytes()) {
      detail::copy_all<kInlineBytes>(storage_.bytes, other.storage_.bytes);
    } else if (!empty()) {
      storage_.shared = other.storage_.shared;
      detail::retain(storage_.shared);
    }
  }
  void take_from(Value& other) noexcept {
    size_ = std::exchange(other.size_, 0);
    if (has_bytes()) {
      detail::copy_all<kInlineBytes>(storage_.bytes, other.storage_.bytes);
    } else if (!empty()) {
      storage_.shared = other.storage_.shared;
    }
  }
  void reset() noexcept {
    if (!is_inline()) detail::release(storage_.shared);
    size_ = 0;
  }

  union Storage {
    char bytes[kInlineBytes];
    detail::SharedRef shared;
  };

  std::size_t size_;
  Storage storage_;  // `bytes` up to kInlineBytes, `shared` above
};

}  // namespace dictsqlite
