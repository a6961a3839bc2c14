#include "support/simulated_vfs.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

namespace dictsqlite::testing_support {

struct SimulatedVfs::File {
  sqlite3_file base;
  SimulatedVfs* vfs;
  Shared* shared;
  int fd;
  int level;
  int last_errno;
  bool has_shm;
  std::array<signed char, kShmLocks> held;  // 0, 1: shared, 2: alone
  bool delete_on_close;

  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
};

struct SimulatedVfs::Methods {
  static const sqlite3_io_methods kTable;
  static SimulatedVfs& self(sqlite3_vfs* vfs) { return *static_cast<SimulatedVfs*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* out, int flags, int* flags_out) {
    SimulatedVfs& owner = self(vfs);
    out->pMethods = nullptr;
    const absl::StatusOr<int> fd = owner.disk_.open_or_create(path, (flags & SQLITE_OPEN_CREATE) != 0);
    if (!fd.ok()) {
      owner.last_errno_ = absl::IsUnavailable(fd.status()) ? ENOSPC : EIO;
      return absl::IsResourceExhausted(fd.status()) ? SQLITE_NOMEM : SQLITE_CANTOPEN;
    }
    File& file = *new (out) File{};
    file.vfs = &owner;
    file.fd = *fd;
    file.shared = &owner.shared_[owner.disk_.identity(*fd)];
    file.base.pMethods = &kTable;
    if (flags_out != nullptr) *flags_out = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    SimulatedVfs& owner = self(vfs);
    const absl::StatusOr<io::FileFacts> facts = owner.disk_.facts(path);
    if (facts.ok() && facts->kind == io::FileKind::kMissing) return SQLITE_IOERR_DELETE_NOENT;
    owner.disk_.remove(path);
    if (sync_directory != 0 && !owner.disk_.sync_directory(path).ok()) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* path, int /*flags*/, int* out) {
    const absl::StatusOr<io::FileFacts> facts = self(vfs).disk_.facts(path);
    *out = facts.ok() && facts->kind != io::FileKind::kMissing ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs*, const char* path, int bytes, char* out) {
    sqlite3_snprintf(bytes, out, "%s", path);
    return SQLITE_OK;
  }
  static int randomness(sqlite3_vfs* vfs, int bytes, char* out) {
    const std::string drawn = self(vfs).random_.bytes(static_cast<std::size_t>(bytes));
    std::copy(drawn.begin(), drawn.end(), out);
    return bytes;
  }
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int current_time(sqlite3_vfs*, double* out) {
    *out = 2'460'000.5;
    return SQLITE_OK;
  }

  static int last_error(sqlite3_vfs* vfs, int, char*) { return self(vfs).last_errno_; }

  static int close(sqlite3_file* base) {
    File& file = File::of(base);
    unlock(base, SQLITE_LOCK_NONE);
    file.vfs->disk_.close_file(file.fd);
    base->pMethods = nullptr;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* base, void* to, int bytes, sqlite3_int64 offset) {
    File& file = File::of(base);
    const std::span<std::byte> out(static_cast<std::byte*>(to), static_cast<std::size_t>(bytes));
    const absl::StatusOr<std::size_t> got = file.vfs->disk_.read(file.fd, static_cast<std::uint64_t>(offset), out);
    if (!got.ok()) return SQLITE_IOERR_READ;
    if (*got == out.size()) return SQLITE_OK;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(*got), out.end(), std::byte{0});
    return SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* base, const void* from, int bytes, sqlite3_int64 offset) {
    File& file = File::of(base);
    const std::span<const std::byte> in(static_cast<const std::byte*>(from), static_cast<std::size_t>(bytes));
    file.last_errno = file.vfs->disk_.write_at(file.fd, in, static_cast<std::uint64_t>(offset));
    if (file.last_errno == 0) return SQLITE_OK;
    return file.last_errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  static int truncate(sqlite3_file* base, sqlite3_int64 size) {
    File& file = File::of(base);
    file.last_errno = file.vfs->disk_.truncate(file.fd, static_cast<std::uint64_t>(size));
    return file.last_errno == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
  }
  static int sync(sqlite3_file* base, int /*flags*/) {
    File& file = File::of(base);
    file.last_errno = file.vfs->disk_.data_sync(file.fd);
    return file.last_errno == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  }
  static int file_size(sqlite3_file* base, sqlite3_int64* out) {
    File& file = File::of(base);
    *out = static_cast<sqlite3_int64>(file.vfs->disk_.size(file.fd));
    return SQLITE_OK;
  }

  static int lock(sqlite3_file* base, int level) {
    File& file = File::of(base);
    Shared& shared = *file.shared;
    if (level <= file.level) return SQLITE_OK;
    if (file.level == SQLITE_LOCK_NONE) {
      if (shared.exclusive) return SQLITE_BUSY;
      ++shared.readers;
      file.level = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED) {
      if (shared.writer != nullptr && shared.writer != &file) return SQLITE_BUSY;
      shared.writer = &file;
      file.level = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      if (shared.readers != 1) return SQLITE_BUSY;
      shared.exclusive = true;
    }
    file.level = std::max(file.level, level);
    return SQLITE_OK;
  }
  static int unlock(sqlite3_file* base, int level) {
    File& file = File::of(base);
    Shared& shared = *file.shared;
    if (level >= file.level) return SQLITE_OK;
    if (shared.writer == &file) {
      shared.writer = nullptr;
      shared.exclusive = false;
    }
    if (level == SQLITE_LOCK_NONE) --shared.readers;
    file.level = level;
    return SQLITE_OK;
  }
  static int check_reserved_lock(sqlite3_file* base, int* out) {
    *out = File::of(base).shared->writer != nullptr ? 1 : 0;
    return SQLITE_OK;
  }
  static int file_control(sqlite3_file* base, int operation, void* argument) {
    if (operation != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
    *static_cast<int*>(argument) = File::of(base).last_errno;
    return SQLITE_OK;
  }
  static int sector_size(sqlite3_file*) { return static_cast<int>(SimulatedDisk::kSector); }
  static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int shm_map(sqlite3_file* base, int region, int bytes, int extend, volatile void** out) {
    File& file = File::of(base);
    Shared& shared = *file.shared;
    if (!file.has_shm) {
      file.has_shm = true;
      ++shared.shm_users;
    }
    const auto index = static_cast<std::size_t>(region);
    *out = nullptr;
    if (index >= shared.regions.size()) {
      if (extend == 0) return SQLITE_OK;
      while (shared.regions.size() <= index) {
        shared.regions.push_back(std::make_unique<std::byte[]>(static_cast<std::size_t>(bytes)));
      }
    }
    *out = shared.regions[index].get();
    return SQLITE_OK;
  }
  static int shm_lock(sqlite3_file* base, int first, int count, int flags) {
    File& file = File::of(base);
    Shared& shared = *file.shared;
    const auto begin = static_cast<std::size_t>(first);
    const auto end = begin + static_cast<std::size_t>(count);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      for (std::size_t slot = begin; slot < end; ++slot) {
        if (file.held[slot] == 2) shared.shm[slot] = 0;
        if (file.held[slot] == 1) --shared.shm[slot];
        file.held[slot] = 0;
      }
      return SQLITE_OK;
    }
    const bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (std::size_t slot = begin; slot < end; ++slot) {
      const int others = shared.shm[slot] - (file.held[slot] == 1 ? 1 : 0);
      if (file.held[slot] != 2 && (alone ? others != 0 : shared.shm[slot] < 0)) return SQLITE_BUSY;
    }
    for (std::size_t slot = begin; slot < end; ++slot) {
      if (alone) {
        shared.shm[slot] = -1;
        file.held[slot] = 2;
      } else if (file.held[slot] == 0) {
        ++shared.shm[slot];
        file.held[slot] = 1;
      }
    }
    return SQLITE_OK;
  }
  static void shm_barrier(sqlite3_file*) {}
  static int shm_unmap(sqlite3_file* base, int remove) {
    File& file = File::of(base);
    if (!file.has_shm) return SQLITE_OK;
    shm_lock(base, 0, kShmLocks, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    file.has_shm = false;
    if (--file.shared->shm_users == 0 && remove != 0) file.shared->regions.clear();
    return SQLITE_OK;
  }
};

const sqlite3_io_methods SimulatedVfs::Methods::kTable = {
    2,
    close,
    read,
    write,
    truncate,
    sync,
    file_size,
    lock,
    unlock,
    check_reserved_lock,
    file_control,
    sector_size,
    characteristics,
    shm_map,
    shm_lock,
    shm_barrier,
    shm_unmap,
    nullptr,
    nullptr,
};

SimulatedVfs::SimulatedVfs(SimulatedDisk& disk, std::uint64_t seed)
    : disk_(disk), random_(seed), name_("simulated-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(File);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Methods::open;
  vfs_.xDelete = Methods::remove;
  vfs_.xAccess = Methods::access;
  vfs_.xFullPathname = Methods::full_path;
  vfs_.xRandomness = Methods::randomness;
  vfs_.xSleep = Methods::sleep;
  vfs_.xCurrentTime = Methods::current_time;
  vfs_.xGetLastError = Methods::last_error;
  sqlite3_initialize();
  sqlite3_vfs_register(&vfs_, 0);
}

SimulatedVfs::~SimulatedVfs() { sqlite3_vfs_unregister(&vfs_); }

}  // namespace dictsqlite::testing_support
