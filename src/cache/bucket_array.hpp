// BucketArray: the buckets of a table. Address space is taken at once, memory as buckets are touched.
//
// Thread-safety: const members from any thread; what is in a bucket is the table's protocol.
// Ownership:     of the memory, not of what the buckets refer to.
#pragma once

#include "cache/bucket.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <sys/mman.h>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
class BasicBucketArray {
 public:
  using Bucket = BasicBucket<Atomics>;

  /// So many of them, at least two. Check valid().
  explicit BasicBucketArray(std::size_t count) noexcept : size_(std::clamp(count, kSizeMin, kSizeMax)) {
    void* const range = ::mmap(nullptr, size_ * sizeof(Bucket), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) return;
    ::madvise(range, size_ * sizeof(Bucket), MADV_HUGEPAGE);  // advice: a refusal costs speed only
    buckets_ = static_cast<Bucket*>(range);                   // zero pages are valid, empty buckets
  }
  ~BasicBucketArray() {
    if (buckets_ != nullptr) ::munmap(buckets_, size_ * sizeof(Bucket));
  }
  BasicBucketArray(const BasicBucketArray&) = delete;
  BasicBucketArray& operator=(const BasicBucketArray&) = delete;

  [[nodiscard]] bool valid() const noexcept { return buckets_ != nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Of any number: they go round.
  [[nodiscard]] Bucket& operator[](std::size_t index) const noexcept { return buckets_[index % size_]; }
  /// Chosen by the high half of a hash, by multiplication: evenly, whatever their number (D. Lemire, "Fast random
  /// integer generation in an interval", 2019). The low 16 bits are the tag.
  [[nodiscard]] Bucket& of(std::uint64_t hash) const noexcept { return buckets_[(hash >> 32) * size_ >> 32]; }

 private:
  static constexpr std::size_t kSizeMin = 2;
  static constexpr std::size_t kSizeMax = std::size_t{1} << 32;  // 256 GiB

  const std::size_t size_;
  Bucket* buckets_ = nullptr;
};

}  // namespace dictsqlite::cache
