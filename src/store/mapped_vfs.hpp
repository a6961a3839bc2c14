// MappedVfs: the SQLite VFS of a connection that loads. A page of the database file that it has read once is from then
// on handed to SQLite where it lies in the kernel's page cache, through a mapping, and no longer copied.
//
//   first time     xFetch says no; SQLite asks xRead, which reads through a descriptor and reports what fails
//   from then on   xFetch hands out the mapped page
//
// That is why SQLite's own `mmap_size` is not simply turned on: under a mapping a sector that cannot be read ends the
// process with SIGBUS instead of failing the keys it concerns. What is left of that is a page that was readable, was
// dropped from the kernel's cache, and cannot be read again. (Chromium reads its databases once for the same reason,
// sql::Database::GetAppropriateMmapSize.)
//
// Nor is the mapping given up whenever the database has changed, as SQLite would have it: the file is the same, and
// never shrinks while it is ours. So interior pages stay at hand while others write; SQLite's own page cache is emptied
// by every change.
#pragma once

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
  MappedVfs(sqlite3_vfs& below, std::size_t map_bytes);
  ~MappedVfs();

  /// Whether anything will be mapped. While the connection is open.
  [[nodiscard]] bool maps() const noexcept { return mapped_ != nullptr; }
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
  void map_what_was_added() noexcept;
  [[nodiscard]] bool learn_page_size(std::size_t bytes) noexcept;
  [[nodiscard]] std::uint64_t& word_of(std::uint64_t page) noexcept { return proven_.get()[page / 64]; }

  const std::size_t map_bytes_;
  Methods methods_{};
  const sqlite3_io_methods* below_methods_ = nullptr;

  // The same file once more, only for its mapping: reads of a file that is mapped SQLite serves from the mapping.
  std::unique_ptr<std::byte[]> mapped_storage_;
  sqlite3_file* mapped_ = nullptr;  // null: nothing is mapped
  sqlite3_file* file_ = nullptr;
  sqlite3_int64 mapped_bytes_ = 0;  // how long the file was when it was mapped last
  std::uint64_t handed_out_ = 0;    // pages SQLite holds in the mapping, which must not move meanwhile
  bool too_short_ = false;          // a page lay beyond it

  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  std::size_t page_bytes_ = 0;  // 0: not known yet
  std::uint64_t pages_max_ = 0;
  std::unique_ptr<std::uint64_t, Free> proven_;  // a bit per page: it has been read
  std::uint64_t pages_mapped_ = 0;
  std::uint64_t pages_read_ = 0;
};

}  // namespace dictsqlite::store
