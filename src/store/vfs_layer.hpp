// VfsLayer: a SQLite VFS that lies on another one. Everything but the opening of files is passed on.
#pragma once

#include <absl/strings/str_cat.h>

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace dictsqlite::store {

/// Base of the VFS that change something. Derived classes supply xOpen, which finds them with `self<Derived>(vfs)`.
///
/// Thread-safety: one thread at a time, the connection's.
/// Ownership:     the VFS below must outlive it; it must outlive the connections opened through it.
class VfsLayer {
 public:
  VfsLayer(const VfsLayer&) = delete;
  VfsLayer& operator=(const VfsLayer&) = delete;

  /// SQLite finds a VFS by its name; only while a connection is being opened is it known by one.
  class Registration {
   public:
    explicit Registration(VfsLayer& layer) noexcept : layer_(layer), code_(sqlite3_vfs_register(&layer.vfs_, 0)) {}
    ~Registration() { static_cast<void>(sqlite3_vfs_unregister(&layer_.vfs_)); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    [[nodiscard]] bool ok() const noexcept { return code_ == SQLITE_OK; }

   private:
    VfsLayer& layer_;
    int code_;
  };
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 protected:
  using Open = int (*)(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out);

  /// A file takes `file_bytes`.
  VfsLayer(sqlite3_vfs& below, std::size_t file_bytes, Open open)
      : below_(below), name_(absl::StrCat("dictsqlite-", absl::Hex(reinterpret_cast<std::uintptr_t>(this)))) {
    vfs_.iVersion = 1;
    vfs_.szOsFile = static_cast<int>(file_bytes);
    vfs_.mxPathname = below.mxPathname;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = open;
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync_directory) {
      return lower(vfs).xDelete(&lower(vfs), name, sync_directory);
    };
    vfs_.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
      return lower(vfs).xAccess(&lower(vfs), name, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int bytes, char* out) {
      return lower(vfs).xFullPathname(&lower(vfs), name, bytes, out);
    };
    vfs_.xRandomness = [](sqlite3_vfs* vfs, int bytes, char* out) {
      return lower(vfs).xRandomness(&lower(vfs), bytes, out);
    };
    vfs_.xSleep = [](sqlite3_vfs* vfs, int microseconds) { return lower(vfs).xSleep(&lower(vfs), microseconds); };
    vfs_.xCurrentTime = [](sqlite3_vfs* vfs, double* out) { return lower(vfs).xCurrentTime(&lower(vfs), out); };
    vfs_.xGetLastError = [](sqlite3_vfs* vfs, int bytes, char* out) {
      return lower(vfs).xGetLastError == nullptr ? 0 : lower(vfs).xGetLastError(&lower(vfs), bytes, out);
    };
  }
  ~VfsLayer() = default;

  template <class Derived>
  [[nodiscard]] static Derived& self(sqlite3_vfs* vfs) noexcept {
    return static_cast<Derived&>(*static_cast<VfsLayer*>(vfs->pAppData));
  }

  sqlite3_vfs& below_;

 private:
  [[nodiscard]] static sqlite3_vfs& lower(sqlite3_vfs* vfs) noexcept {
    return static_cast<VfsLayer*>(vfs->pAppData)->below_;
  }

  std::string name_;
  sqlite3_vfs vfs_{};
};

}  // namespace dictsqlite::store
