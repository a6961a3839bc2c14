#include "store/wal_repair.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace dictsqlite::store {

namespace {

// SQLite's unix VFS writes at most 128 KiB less one byte at a time, and takes the length modulo that.
constexpr sqlite3_int64 kChunkBytes = 64 << 10;
// Two copies of WalIndexHdr, see https://www.sqlite.org/walformat.html, section 2.1.
constexpr std::size_t kIndexHeaderBytes = 96;

}  // namespace

int rewrite_log(sqlite3_file& log) noexcept {
  const sqlite3_io_methods& io = *log.pMethods;
  sqlite3_int64 log_bytes = 0;
  int code = io.xFileSize(&log, &log_bytes);
  if (code != SQLITE_OK || log_bytes == 0) return code;
  const std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[kChunkBytes]);
  if (buffer == nullptr) return SQLITE_NOMEM;
  for (sqlite3_int64 offset = 0; offset < log_bytes; offset += kChunkBytes) {
    const int chunk = static_cast<int>(std::min(kChunkBytes, log_bytes - offset));
    code = io.xRead(&log, buffer.get(), chunk, offset);
    if (code != SQLITE_OK) return code;
    code = io.xWrite(&log, buffer.get(), chunk, offset);
    if (code != SQLITE_OK) return code;
  }
  return io.xSync(&log, SQLITE_SYNC_NORMAL);
}

void forget_log_index(volatile void* index) noexcept {
  volatile unsigned char* bytes = static_cast<volatile unsigned char*>(index);
  for (std::size_t i = 0; i < kIndexHeaderBytes; ++i) bytes[i] = 0;
}

}  // namespace dictsqlite::store
