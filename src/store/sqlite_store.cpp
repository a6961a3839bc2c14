#include "store/sqlite_store.hpp"

#include "store/sqlite_create.hpp"
#include "store/sqlite_header.hpp"
#include "store/sqlite_reader.hpp"
#include "store/sqlite_scan.hpp"
#include "store/sqlite_writer.hpp"

#include <absl/strings/str_cat.h>

#include <utility>

namespace dictsqlite::store {

namespace {

constexpr std::uint32_t kPageBytesMin = 512;
constexpr std::uint32_t kPageBytesMax = 65536;
// For "-journal", and for the name that a new file has before its own.
constexpr std::size_t kSuffixBytesMax = 32;

absl::Status check_path(const std::string& path, const sqlite3_vfs& vfs) {
  if (path.find('\0') != std::string::npos) return absl::InvalidArgumentError("the path contains a NUL byte");
  if (!path.starts_with('/')) {
    return absl::InvalidArgumentError(absl::StrCat("the path '", path, "' is not absolute"));
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    return absl::InvalidArgumentError(absl::StrCat("the path '", path, "' names a directory"));
  }
  if (path.size() + kSuffixBytesMax > static_cast<std::size_t>(vfs.mxPathname)) {
    return absl::InvalidArgumentError(absl::StrCat("the path is longer than SQLite takes: ", path.size(), " bytes"));
  }
  return absl::OkStatus();
}

absl::Status check_page_bytes(std::uint32_t bytes) {
  if (bytes >= kPageBytesMin && bytes <= kPageBytesMax && (bytes & (bytes - 1)) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("page_bytes is ", bytes, ", not a power of two from ", kPageBytesMin, " to ", kPageBytesMax));
}

absl::Status check_kind(const io::FileFacts& facts, const std::string& path) {
  switch (facts.kind) {
    case io::FileKind::kMissing:
    case io::FileKind::kRegular:
      return absl::OkStatus();
    case io::FileKind::kSymlink:
      return absl::InvalidArgumentError(absl::StrCat("'", path, "' is a symlink, which is not followed"));
    case io::FileKind::kOther:
      return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a regular file"));
  }
  return absl::OkStatus();
}

class OpenedStore final : public SqliteStore {
 public:
  OpenedStore(std::unique_ptr<io::FileAccess>&& own_files, sqlite3_vfs& vfs, std::string path,
              const SqliteOptions& options, std::unique_ptr<SqliteWriter>&& writer)
      : vfs_(vfs),
        path_(std::move(path)),
        options_(options),
        own_files_(std::move(own_files)),
        writer_(std::move(writer)) {}

  StoreWriter& writer() noexcept override { return *writer_; }
  const std::string& path() const noexcept override { return path_; }

  absl::StatusOr<std::unique_ptr<StoreReader>> open_reader() override {
    return SqliteReader::open(vfs_, path_, reader_options(), options_.reader_map_bytes);
  }

  absl::StatusOr<std::unique_ptr<StoreScan>> open_scan(std::uint32_t table_id, KeyRange range,
                                                       ScanOrder order) override {
    if (table_id != kMainTable) return absl::NotFoundError(absl::StrCat("there is no table ", table_id));
    return SqliteScan::open(path_, reader_options(), std::move(range), order);
  }

 private:
  [[nodiscard]] ConnectionOptions reader_options() const {
    return {.access = Access::kReadOnly,
            .vfs_name = options_.vfs_name,
            .cache_bytes = options_.reader_cache_bytes,
            .row_bytes_max = options_.key_bytes_max + options_.value_bytes_max};
  }

  sqlite3_vfs& vfs_;
  std::string path_;
  SqliteOptions options_;
  // Last, after all that may find no memory: a writer whose files are gone cannot even be destroyed.
  std::unique_ptr<io::FileAccess> own_files_;  // used by the writer; null if the caller brought some
  std::unique_ptr<SqliteWriter> writer_;
};

absl::Status ensure_ours(io::FileAccess& files, sqlite3_vfs& vfs, const std::string& path, std::uint32_t page_bytes) {
  const absl::StatusOr<io::FileFacts> facts = files.facts(path);
  if (!facts.ok()) return facts.status();
  absl::Status status = check_kind(*facts, path);
  if (!status.ok()) return status;
  if (facts->kind == io::FileKind::kMissing) {
    status = create_database(files, vfs, path, page_bytes);
    if (!status.ok()) return status;
  }
  return check_header(vfs, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options) {
  int code = sqlite3_initialize();
  if (code != SQLITE_OK) return absl::ResourceExhaustedError("SQLite could not initialize itself");
  sqlite3_vfs* vfs = sqlite3_vfs_find(options.vfs_name.empty() ? nullptr : options.vfs_name.c_str());
  if (vfs == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("vfs_name: SQLite knows no VFS '", options.vfs_name, "'"));
  }
  absl::Status status = check_path(options.path, *vfs);
  if (status.ok()) status = check_page_bytes(options.page_bytes);
  if (!status.ok()) return status;

  std::unique_ptr<io::FileAccess> own_files = options.files == nullptr ? io::make_kernel_files() : nullptr;
  io::FileAccess& files = options.files == nullptr ? *own_files : *options.files;
  absl::StatusOr<std::string> path = files.resolve_directory(options.path);
  if (!path.ok()) return path.status();
  status = ensure_ours(files, *vfs, *path, options.page_bytes);
  if (!status.ok()) return status;

  const WriterOptions writer_options{
      .path = *path, .cache_bytes = options.writer_cache_bytes, .log_bytes_kept = options.log_bytes_kept};
  absl::StatusOr<std::unique_ptr<SqliteWriter>> writer = SqliteWriter::open(files, *vfs, writer_options);
  if (!writer.ok()) return writer.status();
  return std::make_unique<OpenedStore>(std::move(own_files), *vfs, *std::move(path), options, *std::move(writer));
}

}  // namespace dictsqlite::store
