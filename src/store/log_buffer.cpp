#include "store/log_buffer.hpp"

#include "store/sqlite_error.hpp"

#include <cstring>

namespace dictsqlite::store {

namespace {

// As large as the largest page, so every VFS takes it in one call.
constexpr int kCapacityBytes = 64 << 10;

}  // namespace

LogBuffer::LogBuffer() : bytes_(std::make_unique<std::byte[]>(kCapacityBytes)) {}

int LogBuffer::write(sqlite3_file& log, const void* bytes, int count, sqlite3_int64 offset) noexcept {
  const bool continues = offset == offset_ + count_;
  if (count_ > 0 && (!continues || count_ + count > kCapacityBytes)) {
    const int code = flush(log);
    if (code != SQLITE_OK) return code;
  }
  if (count > kCapacityBytes) return pass(log, bytes, count, offset);
  if (count_ == 0) offset_ = offset;
  std::memcpy(bytes_.get() + count_, bytes, static_cast<std::size_t>(count));
  count_ += count;
  return lost_;
}

int LogBuffer::flush(sqlite3_file& log) noexcept {
  if (count_ == 0) return lost_;
  const int count = count_;
  count_ = 0;
  return pass(log, bytes_.get(), count, offset_);
}

void LogBuffer::discard() noexcept {
  count_ = 0;
  lost_ = SQLITE_OK;
}

int LogBuffer::pass(sqlite3_file& log, const void* bytes, int count, sqlite3_int64 offset) noexcept {
  if (lost_ == SQLITE_OK) lost_ = write_result(log, log.pMethods->xWrite(&log, bytes, count, offset));
  return lost_;
}

}  // namespace dictsqlite::store
