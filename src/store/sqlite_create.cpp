#include "store/sqlite_create.hpp"

#include "store/random_bytes.hpp"
#include "store/sqlite_connection.hpp"
#include "store/sqlite_schema.hpp"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <cstddef>

namespace dictsqlite::store {

namespace {

constexpr int kDatabaseIdBytes = 16;
constexpr int kNameBytes = 8;

std::string random_hex(sqlite3_vfs& vfs, int count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  draw_random(vfs, bytes);
  return absl::BytesToHexString(bytes);
}

// SQLite would replay such a log into the new database.
absl::Status refuse_orphan(io::FileAccess& files, const std::string& path) {
  for (const char* suffix : {"-wal", "-journal"}) {
    const std::string orphan = absl::StrCat(path, suffix);
    const absl::StatusOr<io::FileFacts> facts = files.facts(orphan);
    if (!facts.ok()) return facts.status();
    if (facts->kind != io::FileKind::kMissing && facts->bytes > 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", orphan, "' is there but not its database '", path,
                                                     "': bring that back, or move the log away"));
    }
  }
  return absl::OkStatus();
}

absl::Status build(sqlite3_vfs& vfs, const std::string& path, std::uint32_t page_bytes) {
  ConnectionOptions options;
  options.access = Access::kReadWrite;
  options.vfs_name = vfs.zName;
  absl::StatusOr<Connection> connection = Connection::open(path, options);
  if (!connection.ok()) return connection.status();
  return create_schema(*connection, page_bytes, random_hex(vfs, kDatabaseIdBytes));
}

absl::Status build_and_publish(io::FileAccess& files, sqlite3_vfs& vfs, const std::string& draft,
                               const std::string& path, std::uint32_t page_bytes) {
  absl::Status status = build(vfs, draft, page_bytes);
  if (!status.ok()) return status;
  const absl::StatusOr<io::Publication> publication = files.publish(draft, path);
  if (!publication.ok()) return publication.status();
  if (*publication == io::Publication::kNameTaken) files.remove(draft);
  return absl::OkStatus();
}

}  // namespace

absl::Status create_database(io::FileAccess& files, sqlite3_vfs& vfs, const std::string& path,
                             std::uint32_t page_bytes) {
  absl::Status status = refuse_orphan(files, path);
  if (!status.ok()) return status;
  const std::string draft = absl::StrCat(path, "-new-", random_hex(vfs, kNameBytes));
  status = files.create_private(draft);
  if (!status.ok()) return status;
  status = build_and_publish(files, vfs, draft, path, page_bytes);
  if (!status.ok()) files.remove(draft);
  return status;
}

}  // namespace dictsqlite::store
