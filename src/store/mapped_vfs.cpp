#include "store/mapped_vfs.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace dictsqlite::store {

namespace {

// SQLite may read so many bytes beyond a damaged page; its own VFS maps no page that has not as many behind it.
constexpr std::size_t kReadBeyond = 256;

constexpr std::uint64_t bit_of(std::uint64_t page) noexcept { return std::uint64_t{1} << page % kPopulatedTogether; }

}  // namespace

struct MappedVfs::Calls {
  static MappedVfs& of(sqlite3_file* file) noexcept { return *reinterpret_cast<const Methods*>(file->pMethods)->owner; }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    MappedVfs& mapped = self<MappedVfs>(vfs);
    const int code = mapped.below_.xOpen(&mapped.below_, name, out, flags, flags_out);
    if (code == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) mapped.open_mapping(name, *out);
    return code;
  }
  static int close(sqlite3_file* file) {
    MappedVfs& self = of(file);
    self.close_mapping();
    file->pMethods = self.below_methods_;
    return file->pMethods->xClose(file);
  }
  static int read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
    MappedVfs& self = of(file);
    const int code = self.below_methods_->xRead(file, out, count, offset);
    ++self.pages_read_;
    const auto bytes = static_cast<std::size_t>(count);
    if (code != SQLITE_OK || bytes != self.page_bytes_) return code;
    const std::uint64_t page = static_cast<std::uint64_t>(offset) / bytes;
    // Where the kernel can tell, it shall: it may have read a part of what it maps at once.
    if (page < self.pages_max_ && !self.populates_) self.proven_.get()[page / kPopulatedTogether] |= bit_of(page);
    return code;
  }
  // Null in `out`, and SQLite reads the page.
  static int fetch(sqlite3_file* file, sqlite3_int64 offset, int count, void** out) {
    MappedVfs& self = of(file);
    *out = nullptr;
    const auto bytes = static_cast<std::size_t>(count);
    if (bytes != self.page_bytes_ && !self.learn_page_size(bytes)) return SQLITE_OK;
    if (self.too_short_ && self.handed_out_ == 0) self.map_what_was_added();
    const std::uint64_t page = static_cast<std::uint64_t>(offset) / bytes;
    if (page >= self.pages_mappable_ && page < self.pages_max_) self.too_short_ = true;
    const std::byte* const mapped = self.mapped_page(page);
    if (mapped == nullptr) return SQLITE_OK;
    *out = const_cast<std::byte*>(mapped);
    ++self.handed_out_;
    ++self.pages_mapped_;
    return SQLITE_OK;
  }
  // Without a page: the database has changed.
  static int unfetch(sqlite3_file* file, sqlite3_int64 /*offset*/, void* page) {
    if (page != nullptr) --of(file).handed_out_;
    return SQLITE_OK;
  }
  // How much to map is our business; below, nothing of this file is.
  static int file_control(sqlite3_file* file, int operation, void* argument) {
    if (operation == SQLITE_FCNTL_MMAP_SIZE) return SQLITE_OK;
    return of(file).below_methods_->xFileControl(file, operation, argument);
  }
};

MappedVfs::MappedVfs(sqlite3_vfs& below, std::size_t map_bytes, PopulatePages populate)
    : VfsLayer(below, static_cast<std::size_t>(below.szOsFile), Calls::open),
      map_bytes_(map_bytes),
      populate_(populate) {}

MappedVfs::~MappedVfs() { close_mapping(); }

// Failing here costs speed only.
void MappedVfs::open_mapping(const char* name, sqlite3_file& file) {
  if (map_bytes_ == 0 || mapped_ != nullptr) return;
  if (file.pMethods->iVersion < 3 || file.pMethods->xFetch == nullptr) return;
  mapped_storage_.reset(new (std::nothrow) std::byte[static_cast<std::size_t>(below_.szOsFile)]());
  if (mapped_storage_ == nullptr) return;
  auto* mapped = new (mapped_storage_.get()) sqlite3_file{};
  if (below_.xOpen(&below_, name, mapped, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr) != SQLITE_OK) {
    if (mapped->pMethods != nullptr) mapped->pMethods->xClose(mapped);
    return;
  }
  mapped_ = mapped;
  if (!limit_mapping()) return close_mapping();
  below_methods_ = file.pMethods;
  file_ = &file;
  methods_ = {*file.pMethods, this};
  methods_.table.iVersion = 3;
  methods_.table.xClose = Calls::close;
  methods_.table.xRead = Calls::read;
  methods_.table.xFileControl = Calls::file_control;
  methods_.table.xFetch = Calls::fetch;
  methods_.table.xUnfetch = Calls::unfetch;
  file.pMethods = &methods_.table;
}

// False if SQLite was built to map nothing.
bool MappedVfs::limit_mapping() noexcept {
  auto wanted = static_cast<sqlite3_int64>(map_bytes_);
  sqlite3_int64 granted = -1;  // asks
  for (sqlite3_int64* const limit : {&wanted, &granted}) {
    if (mapped_->pMethods->xFileControl(mapped_, SQLITE_FCNTL_MMAP_SIZE, limit) != SQLITE_OK) return false;
  }
  map_bytes_ = std::min(map_bytes_, static_cast<std::size_t>(std::max<sqlite3_int64>(granted, 0)));
  return map_bytes_ != 0;
}

void MappedVfs::close_mapping() noexcept {
  if (mapped_ == nullptr) return;
  unmap();
  pages_max_ = 0;
  mapped_->pMethods->xClose(mapped_);
  mapped_ = nullptr;
}
void MappedVfs::unmap() noexcept {
  pages_mappable_ = 0;
  if (base_ == nullptr) return;
  static_cast<void>(mapped_->pMethods->xUnfetch(mapped_, 0, std::exchange(base_, nullptr)));
  static_cast<void>(mapped_->pMethods->xUnfetch(mapped_, 0, nullptr));
}

bool MappedVfs::learn_page_size(std::size_t bytes) noexcept {
  if (page_bytes_ != 0) return false;
  const std::uint64_t pages = map_bytes_ / bytes;
  proven_.reset(static_cast<std::uint64_t*>(std::calloc(pages / kPopulatedTogether + 1, sizeof(std::uint64_t))));
  page_bytes_ = bytes;
  if (proven_ != nullptr) pages_max_ = pages;
  return pages_max_ != 0;
}

// Maps the file anew, as long as it is now. SQLite's VFS does it when a page is fetched and none is mapped, and keeps
// the mapping while that page is not given back.
void MappedVfs::map_what_was_added() noexcept {
  too_short_ = false;
  // Before the mapping is made: it is at least as long, for the file does not get shorter.
  sqlite3_int64 bytes = 0;
  if (mapped_->pMethods->xFileSize(mapped_, &bytes) != SQLITE_OK) return;
  const std::size_t mapped_bytes = std::min(static_cast<std::size_t>(bytes), map_bytes_);
  if (mapped_bytes < page_bytes_ + kReadBeyond) return;
  const std::uint64_t pages = std::min<std::uint64_t>((mapped_bytes - kReadBeyond) / page_bytes_, pages_max_);
  if (pages <= pages_mappable_) return;
  unmap();
  void* first = nullptr;
  void* last = nullptr;
  const auto last_offset = static_cast<sqlite3_int64>(pages - 1) * static_cast<sqlite3_int64>(page_bytes_);
  const auto fetch = mapped_->pMethods->xFetch;
  int code = fetch(mapped_, 0, static_cast<int>(page_bytes_), &first);
  base_ = static_cast<std::byte*>(first);
  if (code == SQLITE_OK && first != nullptr) {
    code = fetch(mapped_, last_offset, static_cast<int>(page_bytes_), &last);
    if (last != nullptr) static_cast<void>(mapped_->pMethods->xUnfetch(mapped_, last_offset, last));
  }
  if (code != SQLITE_OK || last == nullptr || last != base_ + last_offset) {
    unmap();
    pages_max_ = 0;  // no room, or no mapping in one piece: everything is read
    return;
  }
  pages_mappable_ = pages;
}

bool MappedVfs::prove(std::uint64_t page) noexcept {
  const std::uint64_t first = page - page % kPopulatedTogether;
  const auto pages = static_cast<std::size_t>(std::min<std::uint64_t>(kPopulatedTogether, pages_mappable_ - first));
  const std::uint64_t populated =
      populate_(base_ + first * page_bytes_, page_bytes_, pages, static_cast<std::size_t>(page - first));
  proven_.get()[page / kPopulatedTogether] |= populated;
  populates_ = populates_ || populated != 0;
  return is_proven(page);
}

}  // namespace dictsqlite::store
