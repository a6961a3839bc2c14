// PagedBytes: the bytes of a file, in pages that copies share until one of them writes. A page of zeros takes no
// memory, so a file of zeros costs next to nothing, and neither does a copy of a disk.
//
// Thread-safety: as a std::vector; copies on different threads are independent.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace dictsqlite::testing_support {

class PagedBytes {
 public:
  static constexpr std::size_t kPage = 4096;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// What is added is zeros, also where there was something before a cut.
  void resize(std::uint64_t size) {
    if (size < size_) forget_from(size);
    size_ = size;
    pages_.resize(pages_for(size));
  }

  /// Makes the file longer if it has to be.
  void put(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (size_ < offset + bytes.size()) resize(offset + bytes.size());
    while (!bytes.empty()) {
      const std::size_t within = static_cast<std::size_t>(offset % kPage);
      const std::size_t count = std::min(bytes.size(), kPage - within);
      put_within(static_cast<std::size_t>(offset / kPage), within, bytes.first(count));
      bytes = bytes.subspan(count);
      offset += count;
    }
  }

  /// All of `to`, which lies within the file.
  void get(std::uint64_t offset, std::span<std::byte> to) const {
    while (!to.empty()) {
      const std::size_t within = static_cast<std::size_t>(offset % kPage);
      const std::size_t count = std::min(to.size(), kPage - within);
      const PagePtr& page = pages_[static_cast<std::size_t>(offset / kPage)];
      if (page == nullptr) {
        std::memset(to.data(), 0, count);
      } else {
        std::memcpy(to.data(), page->data() + within, count);
      }
      to = to.subspan(count);
      offset += count;
    }
  }

 private:
  using Page = std::array<std::byte, kPage>;
  using PagePtr = std::shared_ptr<Page>;  // null: zeros

  [[nodiscard]] static std::size_t pages_for(std::uint64_t size) noexcept {
    return static_cast<std::size_t>((size + kPage - 1) / kPage);
  }
  [[nodiscard]] static bool is_zero(std::span<const std::byte> bytes) noexcept {
    return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
  }

  void put_within(std::size_t index, std::size_t within, std::span<const std::byte> bytes) {
    PagePtr& page = pages_[index];
    if (page == nullptr) {
      if (is_zero(bytes)) return;
      page = std::make_shared<Page>();
    } else if (page.use_count() != 1) {
      page = std::make_shared<Page>(*page);
    }
    std::memcpy(page->data() + within, bytes.data(), bytes.size());
  }
  void forget_from(std::uint64_t size) {
    const std::size_t within = static_cast<std::size_t>(size % kPage);
    if (within == 0) return;
    PagePtr& page = pages_[static_cast<std::size_t>(size / kPage)];
    if (page == nullptr) return;
    if (page.use_count() != 1) page = std::make_shared<Page>(*page);
    std::memset(page->data() + within, 0, kPage - within);
  }

  std::uint64_t size_ = 0;
  std::vector<PagePtr> pages_;
};

}  // namespace dictsqlite::testing_support
