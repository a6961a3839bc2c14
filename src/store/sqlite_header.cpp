#include "store/sqlite_header.hpp"

#include "store/sqlite_error.hpp"

#include <absl/strings/str_cat.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace dictsqlite::store {

namespace {

// Offsets in https://www.sqlite.org/fileformat.html, section 1.3.
constexpr std::size_t kHeaderBytes = 100;
constexpr std::size_t kPageSizeOffset = 16;
constexpr std::size_t kWriteVersionOffset = 18;
constexpr std::size_t kReadVersionOffset = 19;
constexpr std::size_t kEncodingOffset = 56;
constexpr std::size_t kUserVersionOffset = 60;
constexpr std::size_t kApplicationIdOffset = 68;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

using Header = std::array<unsigned char, kHeaderBytes>;

std::uint32_t big_endian(const Header& header, std::size_t offset, std::size_t bytes) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = (value << 8) | header[offset + i];
  return value;
}

// A file opened through a VFS, closed by the destructor.
class VfsFile {
 public:
  explicit VfsFile(sqlite3_vfs& vfs)
      : vfs_(vfs), memory_(std::make_unique<std::max_align_t[]>(units(static_cast<std::size_t>(vfs.szOsFile)))) {}
  ~VfsFile() {
    if (file()->pMethods != nullptr) file()->pMethods->xClose(file());
  }
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;

  int open_read_only(const char* name) noexcept {
    int flags_out = 0;
    return vfs_.xOpen(&vfs_, name, file(), SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, &flags_out);
  }
  sqlite3_file* file() noexcept { return reinterpret_cast<sqlite3_file*>(memory_.get()); }

 private:
  static std::size_t units(std::size_t bytes) noexcept {
    return (bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
  }
  sqlite3_vfs& vfs_;
  std::unique_ptr<std::max_align_t[]> memory_;
};

struct FilenameDeleter {
  void operator()(const char* name) const noexcept { sqlite3_free_filename(const_cast<char*>(name)); }
};

absl::Status read_header(sqlite3_vfs& vfs, const std::string& path, Header& header) {
  // A VFS expects a name of SQLite's own making: it looks behind the end of the text for parameters.
  const std::unique_ptr<const char, FilenameDeleter> name(sqlite3_create_filename(path.c_str(), "", "", 0, nullptr));
  if (name == nullptr) return absl::ResourceExhaustedError("no memory for a file name");
  VfsFile file(vfs);
  const std::string attempted = absl::StrCat("reading the header of '", path, "'");
  int code = file.open_read_only(name.get());
  if (code != SQLITE_OK) {
    const int error = vfs.xGetLastError == nullptr ? 0 : vfs.xGetLastError(&vfs, 0, nullptr);  // not every VFS has it
    return sqlite_status(code, error, attempted);
  }
  code = file.file()->pMethods->xRead(file.file(), header.data(), static_cast<int>(header.size()), 0);
  if (code == SQLITE_IOERR_SHORT_READ) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a dictsqlite database: it is too short"));
  }
  if (code != SQLITE_OK) return sqlite_status(code, 0, attempted);
  return absl::OkStatus();
}

bool plausible(const Header& header) noexcept {
  const std::uint32_t page_size = big_endian(header, kPageSizeOffset, 2);
  const bool page_size_ok = page_size == 1 || (page_size >= 512 && (page_size & (page_size - 1)) == 0);
  const auto version_ok = [&](std::size_t offset) { return header[offset] == 1 || header[offset] == 2; };
  return page_size_ok && version_ok(kWriteVersionOffset) && version_ok(kReadVersionOffset) &&
         big_endian(header, kEncodingOffset, 4) == SQLITE_UTF8;
}

}  // namespace

absl::Status check_header(sqlite3_vfs& vfs, const std::string& path) {
  Header header{};
  absl::Status status = read_header(vfs, path, header);
  if (!status.ok()) return status;
  if (std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a SQLite database"));
  }
  if (big_endian(header, kApplicationIdOffset, 4) != kApplicationId) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is a SQLite database, but not a dictsqlite one (application_id differs)"));
  }
  const std::uint32_t version = big_endian(header, kUserVersionOffset, 4);
  if (version > kFormatVersion) {
    return absl::UnimplementedError(
        absl::StrCat("'", path, "' has format ", version, "; this library knows formats up to ", kFormatVersion));
  }
  if (version == 0 || !plausible(header)) {
    return absl::DataLossError(absl::StrCat("'", path, "': the header is damaged"));
  }
  return absl::OkStatus();
}

}  // namespace dictsqlite::store
