// MappedVfs: the SQLite VFS of a connection that loads. Pages of the database file that the kernel has in its page
// cache are handed to SQLite where they lie there, through a mapping, and not copied.
//
//   in the kernel's cache   xFetch populates it, 64 pages at a time, and hands out the mapped page
//   not there               xFetch says no; SQLite asks xRead, which reads through a descriptor and reports what fails
//   from then on            xFetch hands out the mapped page
//
// That is why SQLite's own `mmap_size` is not simply turned on: under a mapping a sector that cannot be read ends the
// process with SIGBUS instead of failing the keys it concerns. What is left of that is a page that was readable, was
// dropped from the kernel's cache, and cannot be read again. (Chromium reads its databases once for the same reason,
// sql::Database::GetAppropriateMmapSize.)
//
// Nor is the mapping given up whenever the database has changed, as SQLite would have it, but only to map what the file
// has grown by: the file is the same, and never gets shorter while it is ours (OwnerVfs). So interior pages stay at
// hand while others write; SQLite's own page cache is emptied by every change.
#pragma once

#include "store/page_population.hpp"
#include "store/vfs_layer.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time, the connection's.
/// Ownership:     for one connection; see also VfsLayer.
class MappedVfs : public VfsLayer {
 public:
  /// Maps up to `map_bytes` of the file; SQLite's build limits that too (2 GiB, or not at all). Over a VFS that cannot
  /// map, or with 0, everything is read.
  MappedVfs(sqlite3_vfs& below, std::size_t map_bytes, PopulatePages populate = populate_pages);
  ~MappedVfs();

  /// Whether anything will be mapped. While the connection is open.
  [[nodiscard]] bool maps() const noexcept { return mapped_ != nullptr; }
  /// The bytes of a page, from 1, if it is mapped and can be touched; else null. What they say belongs to no snapshot,
  /// and they may change under the reader. Valid until SQLite next uses the connection.
  [[nodiscard]] const std::byte* page(std::uint32_t number) noexcept {
    return number == 0 ? nullptr : mapped_page(number - 1);
  }
  /// 0 before SQLite has asked for a page.
  [[nodiscard]] std::size_t page_bytes() const noexcept { return page_bytes_; }

  /// Pages that were handed out without copying, and pages that were read.
  [[nodiscard]] std::uint64_t pages_mapped() const noexcept { return pages_mapped_; }
  [[nodiscard]] std::uint64_t pages_read() const noexcept { return pages_read_; }

 private:
  // SQLite's functions, and whose they are: the file SQLite holds is the one of the VFS below, with these in place of
  // its own.
  struct Methods {
    sqlite3_io_methods table;
    MappedVfs* owner;
  };
  struct Calls;

  void open_mapping(const char* name, sqlite3_file& file);
  void close_mapping() noexcept;
  void unmap() noexcept;
  [[nodiscard]] bool limit_mapping() noexcept;
  [[nodiscard]] bool learn_page_size(std::size_t bytes) noexcept;
  void map_what_was_added() noexcept;
  [[nodiscard]] const std::byte* mapped_page(std::uint64_t page) noexcept {
    if (page >= pages_mappable_ || (!is_proven(page) && !prove(page))) return nullptr;
    return base_ + page * page_bytes_;
  }
  [[nodiscard]] bool is_proven(std::uint64_t page) const noexcept {
    return (proven_.get()[page / kPopulatedTogether] >> page % kPopulatedTogether & 1) != 0;
  }
  [[nodiscard]] bool prove(std::uint64_t page) noexcept;

  std::size_t map_bytes_;
  const PopulatePages populate_;
  Methods methods_{};
  const sqlite3_io_methods* below_methods_ = nullptr;

  // The same file once more, only for its mapping: reads of a file that is mapped SQLite serves from the mapping.
  std::unique_ptr<std::byte[]> mapped_storage_;
  sqlite3_file* mapped_ = nullptr;  // null: nothing is mapped
  sqlite3_file* file_ = nullptr;
  std::byte* base_ = nullptr;         // where the mapping lies; its first page is fetched, and keeps it there
  std::uint64_t pages_mappable_ = 0;  // how many pages of the file are in it
  std::uint64_t handed_out_ = 0;      // pages SQLite holds in the mapping, which must not move meanwhile
  bool too_short_ = true;             // a page lay beyond it
  bool populates_ = false;            // the kernel populates pages: then it alone proves them

  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  std::size_t page_bytes_ = 0;  // 0: not known yet
  std::uint64_t pages_max_ = 0;
  std::unique_ptr<std::uint64_t, Free> proven_;  // a bit per page: it can be touched
  std::uint64_t pages_mapped_ = 0;
  std::uint64_t pages_read_ = 0;
};

}  // namespace dictsqlite::store
