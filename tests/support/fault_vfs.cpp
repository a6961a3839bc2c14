#include "support/fault_vfs.hpp"

#include <cerrno>
#include <cstddef>
#include <mutex>
#include <new>
#include <optional>

namespace dictsqlite::testing_support {

struct FaultVfs::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* below = nullptr;
  std::string name;
  std::mutex mutex;  // of what follows
  std::optional<Fault> fault;
  int failures = 0;
  int calls[2][4] = {};

  // The errno of a call that fails now, or 0.
  int next(FaultFile file, FaultCall call) {
    std::function<void()> before;
    const int error = decide(file, call, before);
    if (before) before();
    return error;
  }
  int decide(FaultFile file, FaultCall call, std::function<void()>& before) {
    const std::scoped_lock lock(mutex);
    ++calls[static_cast<int>(file)][static_cast<int>(call)];
    if (!fault || fault->file != file || fault->call != call) return 0;
    if (fault->skip > 0) {
      --fault->skip;
      return 0;
    }
    if (fault->times == 0) return 0;
    --fault->times;
    ++failures;
    before = fault->before;
    return fault->error;
  }
};

struct FaultVfs::File {
  sqlite3_file base;
  State* state;
  std::optional<FaultFile> kind;
  int last_errno;

  static constexpr std::size_t kBelowOffset = 64;
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<std::byte*>(this) + kBelowOffset); }
  const sqlite3_io_methods& io() { return *below()->pMethods; }
  int fault(FaultCall call) {
    last_errno = kind ? state->next(*kind, call) : 0;
    return last_errno;
  }
};

struct FaultVfs::Methods {
  static const sqlite3_io_methods kMethods;

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    static_assert(sizeof(File) <= File::kBelowOffset);
    State& state = *static_cast<State*>(vfs->pAppData);
    File& file = *new (out) File{};
    file.state = &state;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) file.kind = FaultFile::kDatabase;
    if ((flags & SQLITE_OPEN_WAL) != 0) file.kind = FaultFile::kLog;
    const int code = state.below->xOpen(state.below, name, file.below(), flags, flags_out);
    if (code == SQLITE_OK) file.base.pMethods = &kMethods;
    return code;
  }
  static int write(sqlite3_file* base, const void* bytes, int count, sqlite3_int64 offset) {
    File& file = File::of(base);
    const int error = file.fault(FaultCall::kWrite);
    if (error == ENOSPC) return SQLITE_FULL;  // as the unix VFS does
    if (error != 0) return SQLITE_IOERR_WRITE;
    return file.io().xWrite(file.below(), bytes, count, offset);
  }
  static int sync(sqlite3_file* base, int flags) {
    File& file = File::of(base);
    return file.fault(FaultCall::kSync) != 0 ? SQLITE_IOERR_FSYNC : file.io().xSync(file.below(), flags);
  }
  static int control(sqlite3_file* base, int operation, void* argument) {
    File& file = File::of(base);
    if (operation == SQLITE_FCNTL_LAST_ERRNO && file.last_errno != 0) {
      *static_cast<int*>(argument) = file.last_errno;
      return SQLITE_OK;
    }
    return file.io().xFileControl(file.below(), operation, argument);
  }
  static int close(sqlite3_file* base) { return File::of(base).io().xClose(File::of(base).below()); }
  static int read(sqlite3_file* base, void* out, int count, sqlite3_int64 offset) {
    File& file = File::of(base);
    const int error = file.fault(FaultCall::kRead);
    if (error == EIO) return SQLITE_IOERR_CORRUPTFS;  // as the unix VFS does
    if (error != 0) return SQLITE_IOERR_READ;
    return file.io().xRead(file.below(), out, count, offset);
  }
  static int truncate(sqlite3_file* base, sqlite3_int64 bytes) {
    File& file = File::of(base);
    return file.fault(FaultCall::kTruncate) != 0 ? SQLITE_IOERR_TRUNCATE : file.io().xTruncate(file.below(), bytes);
  }
  static int size(sqlite3_file* base, sqlite3_int64* out) {
    return File::of(base).io().xFileSize(File::of(base).below(), out);
  }
  static int lock(sqlite3_file* base, int level) { return File::of(base).io().xLock(File::of(base).below(), level); }
  static int unlock(sqlite3_file* base, int level) {
    return File::of(base).io().xUnlock(File::of(base).below(), level);
  }
  static int reserved(sqlite3_file* base, int* out) {
    return File::of(base).io().xCheckReservedLock(File::of(base).below(), out);
  }
  static int sector(sqlite3_file* base) { return File::of(base).io().xSectorSize(File::of(base).below()); }
  static int device(sqlite3_file* base) { return File::of(base).io().xDeviceCharacteristics(File::of(base).below()); }
  static int shm_map(sqlite3_file* base, int region, int bytes, int extend, void volatile** out) {
    return File::of(base).io().xShmMap(File::of(base).below(), region, bytes, extend, out);
  }
  static int shm_lock(sqlite3_file* base, int slot, int count, int flags) {
    return File::of(base).io().xShmLock(File::of(base).below(), slot, count, flags);
  }
  static void shm_barrier(sqlite3_file* base) { File::of(base).io().xShmBarrier(File::of(base).below()); }
  static int shm_unmap(sqlite3_file* base, int remove) {
    return File::of(base).io().xShmUnmap(File::of(base).below(), remove);
  }
};

const sqlite3_io_methods FaultVfs::Methods::kMethods = {
    2,       close,  read,   write,   truncate, sync,        size,      lock,    unlock,  reserved,
    control, sector, device, shm_map, shm_lock, shm_barrier, shm_unmap, nullptr, nullptr,
};

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  sqlite3_initialize();
  State& state = *state_;
  state.below = sqlite3_vfs_find(nullptr);
  state.name = "fault-" + std::to_string(reinterpret_cast<std::uintptr_t>(this));
  state.vfs = *state.below;
  state.vfs.szOsFile = static_cast<int>(File::kBelowOffset) + state.below->szOsFile;
  state.vfs.zName = state.name.c_str();
  state.vfs.pNext = nullptr;
  state.vfs.pAppData = state_.get();
  state.vfs.xOpen = Methods::open;
  sqlite3_vfs_register(&state.vfs, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&state_->vfs); }

std::string FaultVfs::name() const { return state_->name; }
void FaultVfs::inject(const Fault& fault) {
  const std::scoped_lock lock(state_->mutex);
  state_->fault = fault;
}
void FaultVfs::clear() {
  const std::scoped_lock lock(state_->mutex);
  state_->fault.reset();
}
int FaultVfs::failures() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->failures;
}
int FaultVfs::calls(FaultFile file, FaultCall call) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->calls[static_cast<int>(file)][static_cast<int>(call)];
}

}  // namespace dictsqlite::testing_support
