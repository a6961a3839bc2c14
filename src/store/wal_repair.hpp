// Makes the write-ahead log that an unclean end left behind safe to use.
//
// After a failed sync the kernel marks the pages clean although they never reached the disk, and the page cache
// goes on showing them. A new life that trusts what it reads builds on bytes that the next power loss takes away.
// Writing the same bytes again makes them dirty, and a sync that then succeeds covers them.
#pragma once

#include <sqlite3.h>

namespace dictsqlite::store {

/// Rewrites every byte of `log` in place and syncs it; does nothing to an empty log. The caller holds the locks
/// that keep other writers and checkpointers out; readers may go on, for they see the same bytes.
/// Returns SQLITE_OK or an error code. Uses one fixed buffer; time is linear in the length of the log.
[[nodiscard]] int rewrite_log(sqlite3_file& log) noexcept;

/// Voids both copies of the WAL index header, so that SQLite rebuilds the index from the log's checksums before its
/// next read. `index` is the index's first region, mapped. The caller holds the WRITE lock.
///
/// Needed when another process has kept the index alive: it names frames whose bytes a failed sync may have lost,
/// and counts pages as copied into a database file whose sync may have failed.
void forget_log_index(volatile void* index) noexcept;

}  // namespace dictsqlite::store
