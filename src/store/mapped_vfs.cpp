#include "store/mapped_vfs.hpp"

#include <new>

namespace dictsqlite::store {

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
    if (page < self.pages_max_) self.word_of(page) |= std::uint64_t{1} << page % 64;
    return code;
  }
  // Null in `out`, and SQLite reads the page.
  static int fetch(sqlite3_file* file, sqlite3_int64 offset, int count, void** out) {
    MappedVfs& self = of(file);
    *out = nullptr;
    const auto bytes = static_cast<std::size_t>(count);
    if (bytes != self.page_bytes_ && !self.learn_page_size(bytes)) return SQLITE_OK;
    const std::uint64_t page = static_cast<std::uint64_t>(offset) / bytes;
    if (page >= self.pages_max_ || (self.word_of(page) >> page % 64 & 1) == 0) return SQLITE_OK;
    if (self.too_short_ && self.handed_out_ == 0) self.map_what_was_added();
    const int code = self.mapped_->pMethods->xFetch(self.mapped_, offset, count, out);
    if (code != SQLITE_OK || *out == nullptr) {
      *out = nullptr;
      self.too_short_ = true;
      return SQLITE_OK;
    }
    ++self.handed_out_;
    ++self.pages_mapped_;
    return SQLITE_OK;
  }
  // Without a page: the database has changed.
  static int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
    MappedVfs& self = of(file);
    if (page == nullptr) return SQLITE_OK;
    --self.handed_out_;
    return self.mapped_->pMethods->xUnfetch(self.mapped_, offset, page);
  }
  // How much to map is our business; below, nothing of this file is.
  static int file_control(sqlite3_file* file, int operation, void* argument) {
    if (operation == SQLITE_FCNTL_MMAP_SIZE) return SQLITE_OK;
    return of(file).below_methods_->xFileControl(file, operation, argument);
  }
};

MappedVfs::MappedVfs(sqlite3_vfs& below, std::size_t map_bytes)
    : VfsLayer(below, static_cast<std::size_t>(below.szOsFile), Calls::open), map_bytes_(map_bytes) {}

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
  auto limit = static_cast<sqlite3_int64>(map_bytes_);
  static_cast<void>(mapped->pMethods->xFileControl(mapped, SQLITE_FCNTL_MMAP_SIZE, &limit));
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

void MappedVfs::close_mapping() noexcept {
  if (mapped_ == nullptr) return;
  mapped_->pMethods->xClose(mapped_);
  mapped_ = nullptr;
}

bool MappedVfs::learn_page_size(std::size_t bytes) noexcept {
  if (page_bytes_ != 0) return false;
  const std::uint64_t pages = map_bytes_ / bytes;
  proven_.reset(static_cast<std::uint64_t*>(std::calloc(pages / 64 + 1, sizeof(std::uint64_t))));
  page_bytes_ = bytes;
  if (proven_ != nullptr) pages_max_ = pages;
  return pages_max_ != 0;
}

void MappedVfs::map_what_was_added() noexcept {
  too_short_ = false;
  sqlite3_int64 bytes = 0;
  if (below_methods_->xFileSize(file_, &bytes) != SQLITE_OK || bytes <= mapped_bytes_) return;
  mapped_bytes_ = bytes;
  static_cast<void>(mapped_->pMethods->xUnfetch(mapped_, 0, nullptr));  // it is mapped anew when something is fetched
}

}  // namespace dictsqlite::store
