#include "store/owner_vfs.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "io/errno_status.hpp"
#include "store/sqlite_error.hpp"
#include "store/wal_repair.hpp"

#include <cerrno>
#include <cstddef>
#include <new>

namespace dictsqlite::store {

namespace {

// Lock slots of the WAL index, see https://www.sqlite.org/walformat.html, section 2.3.
constexpr int kWriteSlot = 0;
constexpr int kStickySlots = 2;  // WRITE and CKPT, side by side

// A reader that finds the index in need of recovery holds the same locks for a moment: so look again, briefly.
constexpr int kLockAttemptsMax = 10;
constexpr int kLockPauseMicroseconds = 10'000;

constexpr std::size_t aligned(std::size_t bytes) noexcept {
  constexpr std::size_t kAlignment = alignof(std::max_align_t);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

struct OwnerVfs::File {
  sqlite3_file base;  // must be first: SQLite knows only this
  OwnerVfs* owner;
  Role role;

  static constexpr std::size_t below_offset() noexcept { return aligned(sizeof(File)); }
  static File& of(sqlite3_file* file) noexcept { return *reinterpret_cast<File*>(file); }
  sqlite3_file* below() noexcept {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<std::byte*>(this) + below_offset());
  }
  const sqlite3_io_methods& io() noexcept { return *below()->pMethods; }
  [[nodiscard]] bool guarded() const noexcept { return role != Role::kOther; }
  [[nodiscard]] const char* suffix() const noexcept { return role == Role::kLog ? "-wal" : ""; }
  void fail(const char* operation, int code) { owner->guard_.fail(operation, suffix(), code, last_errno(*below())); }
};

struct OwnerVfs::Methods {
  static const sqlite3_io_methods kFile;
  static const sqlite3_io_methods kDatabaseFile;  // with shared memory

  // --- the file system ---

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    OwnerVfs& owner = self<OwnerVfs>(vfs);
    File& file = *new (out) File{};
    file.owner = &owner;
    file.role = Role::kOther;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) file.role = Role::kDatabase;
    if ((flags & SQLITE_OPEN_WAL) != 0) file.role = Role::kLog;
    sqlite3_file* below = file.below();
    below->pMethods = nullptr;
    const int code = owner.below_.xOpen(&owner.below_, name, below, flags, flags_out);
    if (code != SQLITE_OK) {
      if (below->pMethods != nullptr) below->pMethods->xClose(below);
      return code;
    }
    if (file.role == Role::kLog && flags_out != nullptr && (*flags_out & SQLITE_OPEN_READONLY) != 0) {
      below->pMethods->xClose(below);
      return SQLITE_READONLY;
    }
    if (file.role == Role::kLog) owner.log_ = &file;
    file.base.pMethods = file.role == Role::kDatabase ? &kDatabaseFile : &kFile;
    return SQLITE_OK;
  }

  // --- what the guard watches ---

  // A full disk is SQLite's to roll back; any other failed write is remembered.
  static int settle(File& file, int code) {
    if (code != SQLITE_OK && code != SQLITE_FULL) file.fail("write", code);
    return code;
  }
  static int flush(File& file) {
    if (file.role != Role::kLog) return SQLITE_OK;
    if (file.owner->guard_.failed()) return SQLITE_IOERR_WRITE;
    return settle(file, file.owner->buffer_.flush(*file.below()));
  }
  static int write(sqlite3_file* base, const void* bytes, int count, sqlite3_int64 offset) {
    File& file = File::of(base);
    OwnerVfs& owner = *file.owner;
    if (!file.guarded()) return file.io().xWrite(file.below(), bytes, count, offset);
    if (owner.guard_.failed()) return SQLITE_IOERR_WRITE;
    if (file.role != Role::kLog) {
      return settle(file, write_result(*file.below(), file.io().xWrite(file.below(), bytes, count, offset)));
    }
    owner.header_written_ = offset == 0;
    if (owner.header_written_) ++owner.log_starts_;
    return settle(file, owner.buffer_.write(*file.below(), bytes, count, offset));
  }
  static int truncate(sqlite3_file* base, sqlite3_int64 size) {
    File& file = File::of(base);
    if (!file.guarded()) return file.io().xTruncate(file.below(), size);
    if (file.owner->guard_.failed()) return SQLITE_IOERR_TRUNCATE;
    if (file.role == Role::kDatabase) return SQLITE_OK;  // it only ever grows, by being written
    int code = flush(file);
    if (code != SQLITE_OK) return code;
    code = file.io().xTruncate(file.below(), size);
    if (code != SQLITE_OK) file.fail("truncation", code);
    return code;
  }
  static int sync(sqlite3_file* base, int flags) {
    File& file = File::of(base);
    OwnerVfs& owner = *file.owner;
    if (!file.guarded()) return file.io().xSync(file.below(), flags);
    if (owner.guard_.failed()) return SQLITE_IOERR_FSYNC;
    const int flushed = flush(file);
    if (flushed != SQLITE_OK) return flushed;
    const bool log = file.role == Role::kLog;
    if (log && owner.committing_ && !owner.header_written_) return SQLITE_OK;
    if (log && owner.guard_.log_sync_in_flight()) {
      owner.guard_.fail("second sync at a time", "-wal", SQLITE_IOERR_FSYNC, EBUSY);
      return SQLITE_IOERR_FSYNC;
    }
    int code = file.io().xSync(file.below(), flags);
    if (code != SQLITE_OK && DICTSQLITE_SEEDED_BUG(kCheckpointSyncRetried)) code = file.io().xSync(file.below(), flags);
    if (code != SQLITE_OK) file.fail("sync", code);
    if (code == SQLITE_OK && log) owner.guard_.log_synced_by_sqlite();
    return code;
  }
  static int read(sqlite3_file* base, void* out, int count, sqlite3_int64 offset) {
    File& file = File::of(base);
    const int code = file.owner->guard_.failed() ? SQLITE_OK : flush(file);
    return code != SQLITE_OK ? code : file.io().xRead(file.below(), out, count, offset);
  }
  static int file_size(sqlite3_file* base, sqlite3_int64* out) {
    File& file = File::of(base);
    const int code = file.owner->guard_.failed() ? SQLITE_OK : flush(file);
    return code != SQLITE_OK ? code : file.io().xFileSize(file.below(), out);
  }

  // --- ownership ---

  static int shm_map(sqlite3_file* base, int region, int bytes, int extend, void volatile** out) {
    File& file = File::of(base);
    OwnerVfs& owner = *file.owner;
    const int code = file.io().xShmMap(file.below(), region, bytes, extend, out);
    if (code != SQLITE_OK || owner.ownership_ == Ownership::kOwned) return code;
    if (owner.ownership_ == Ownership::kNotTried) owner.become_owner(file, region == 0 ? *out : nullptr);
    if (owner.ownership_ == Ownership::kOwned) return SQLITE_OK;
    *out = nullptr;
    return SQLITE_IOERR_SHMLOCK;  // not SQLITE_BUSY: that one SQLite would retry for ten seconds
  }
  static int shm_lock(sqlite3_file* base, int slot, int count, int flags) {
    File& file = File::of(base);
    // While the sticky slots are ours, neither locking nor unlocking reaches them; what is left of the request
    // is one range, because they are the first two.
    if (file.owner->ownership_ == Ownership::kOwned && slot < kStickySlots) {
      const int end = slot + count;
      if (end <= kStickySlots) return SQLITE_OK;
      slot = kStickySlots;
      count = end - kStickySlots;
    }
    return file.io().xShmLock(file.below(), slot, count, flags);
  }
  static void shm_barrier(sqlite3_file* base) {
    File& file = File::of(base);
    file.io().xShmBarrier(file.below());
  }
  static int shm_unmap(sqlite3_file* base, int remove_index) {
    File& file = File::of(base);
    file.owner->release(file);
    return file.io().xShmUnmap(file.below(), remove_index);
  }

  // --- passed on ---

  static int close(sqlite3_file* base) {
    File& file = File::of(base);
    if (file.owner->log_ == &file) {
      file.owner->log_ = nullptr;
      file.owner->buffer_.discard();
    }
    return file.io().xClose(file.below());
  }
  static int lock(sqlite3_file* base, int level) {
    File& file = File::of(base);
    return file.io().xLock(file.below(), level);
  }
  static int unlock(sqlite3_file* base, int level) {
    File& file = File::of(base);
    return file.io().xUnlock(file.below(), level);
  }
  static int check_reserved_lock(sqlite3_file* base, int* out) {
    File& file = File::of(base);
    return file.io().xCheckReservedLock(file.below(), out);
  }
  static int file_control(sqlite3_file* base, int operation, void* argument) {
    File& file = File::of(base);
    return file.io().xFileControl(file.below(), operation, argument);
  }
  static int sector_size(sqlite3_file* base) {
    File& file = File::of(base);
    return file.io().xSectorSize(file.below());
  }
  // Our failure model has it that writing a sector harms no other. Without it SQLite would pad a commit to whole
  // sectors and sync in the midst of it instead of at its end.
  static int device_characteristics(sqlite3_file* base) {
    File& file = File::of(base);
    return file.io().xDeviceCharacteristics(file.below()) | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
  }
};

// Version 2 ends before memory mapping, which is thereby off.
const sqlite3_io_methods OwnerVfs::Methods::kDatabaseFile = {
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
    device_characteristics,
    shm_map,
    shm_lock,
    shm_barrier,
    shm_unmap,
    nullptr,
    nullptr,
};

const sqlite3_io_methods OwnerVfs::Methods::kFile = {
    1,
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
    device_characteristics,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

OwnerVfs::OwnerVfs(sqlite3_vfs& below, WriteGuard& guard)
    : VfsLayer(below, File::below_offset() + static_cast<std::size_t>(below.szOsFile), Methods::open), guard_(guard) {}

absl::Status OwnerVfs::sync_log() {
  DICTSQLITE_ASSERT(log_ != nullptr, "the log is open while the connection is");
  const int code = Methods::sync(&log_->base, SQLITE_SYNC_NORMAL);
  if (code == SQLITE_OK || guard_.failed()) return guard_.failure();
  return sqlite_status(code, last_errno(*log_->below()), "syncing the write-ahead log");
}

void OwnerVfs::become_owner(File& database, volatile void* index) noexcept {
  constexpr int kTake = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
  int code = SQLITE_BUSY;
  for (int attempt = 0; attempt < kLockAttemptsMax && (code & 0xff) == SQLITE_BUSY; ++attempt) {
    if (attempt > 0) below_.xSleep(&below_, kLockPauseMicroseconds);
    code = database.io().xShmLock(database.below(), kWriteSlot, kStickySlots, kTake);
  }
  if ((code & 0xff) == SQLITE_BUSY) return refuse(Ownership::kRefused, code, 0);
  if (code != SQLITE_OK) return refuse(Ownership::kFailed, code, last_errno(*database.below()));
  ownership_ = Ownership::kOwned;
  // A connection in WAL mode holds a shared lock on the database file for as long as it is open.
  code = sole_use_ ? database.io().xLock(database.below(), SQLITE_LOCK_EXCLUSIVE) : SQLITE_OK;
  if (code == SQLITE_OK) {
    repair_log(index);
  } else if ((code & 0xff) == SQLITE_BUSY) {
    refuse(Ownership::kNotAlone, code, 0);
  } else {
    refuse(Ownership::kFailed, code, last_errno(*database.below()));
  }
  if (sole_use_) static_cast<void>(database.io().xUnlock(database.below(), SQLITE_LOCK_SHARED));
  if (ownership_ != Ownership::kOwned) {
    static_cast<void>(
        database.io().xShmLock(database.below(), kWriteSlot, kStickySlots, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE));
  }
}

void OwnerVfs::repair_log(volatile void* index) noexcept {
  if (log_ == nullptr) return refuse(Ownership::kFailed, SQLITE_INTERNAL, 0);
  sqlite3_int64 log_bytes = 0;
  int code = log_->io().xFileSize(log_->below(), &log_bytes);
  found_log_ = log_bytes > 0;
  if (code == SQLITE_OK && found_log_ && !DICTSQLITE_SEEDED_BUG(kWalNotRewritten)) code = rewrite_log(*log_->below());
  if (code != SQLITE_OK) {
    const int error = last_errno(*log_->below());
    if (code != SQLITE_FULL && code != SQLITE_NOMEM && !io::is_no_space(error))
      guard_.fail("recovery", "-wal", code, error);
    return refuse(Ownership::kFailed, code, error);
  }
  if (found_log_ && index != nullptr) forget_log_index(index);
}

void OwnerVfs::refuse(Ownership ownership, int code, int error) noexcept {
  ownership_ = ownership;
  failure_code_ = code;
  failure_errno_ = error;
}

// Unmapping drops the locks only if this process has no other connection to the file; so give them back first.
void OwnerVfs::release(File& database) noexcept {
  if (ownership_ != Ownership::kOwned) return;
  ownership_ = Ownership::kNotTried;
  static_cast<void>(
      database.io().xShmLock(database.below(), kWriteSlot, kStickySlots, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE));
}

}  // namespace dictsqlite::store
