// SqliteReader: loads many keys from one snapshot, by IN (...) queries of a few sizes.
#pragma once

#include "store/group_prefetch.hpp"
#include "store/mapped_vfs.hpp"
#include "store/sqlite_connection.hpp"
#include "store/store.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dictsqlite::store {

/// How many keys one prepared query takes. The statement of a size is prepared when it is first needed.
inline constexpr std::array<std::size_t, 4> kQuerySizes = {1, 4, 16, 64};

/// The query to run next when `keys_left` (> 0) keys are left: an index into kQuerySizes. A query larger than what
/// is left is filled up by repeating the last key, which is cheaper than several smaller ones.
[[nodiscard]] std::size_t choose_query(std::size_t keys_left) noexcept;

/// Thread-safety: one thread at a time.
class SqliteReader final : public StoreReader {
 public:
  /// Over `below`; pages of the file are mapped up to `map_bytes`, see MappedVfs.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteReader>> open(sqlite3_vfs& below, const std::string& path,
                                                                          ConnectionOptions options,
                                                                          std::size_t map_bytes);

  [[nodiscard]] absl::StatusOr<LoadResult> load(std::uint32_t table_id, std::span<const std::string_view> keys,
                                                absl::FunctionRef<void(const LoadedRow&)> found) override;

  /// Rows that were found ahead of their query.
  [[nodiscard]] std::uint64_t rows_prefetched() const noexcept { return rows_prefetched_; }

 private:
  SqliteReader(sqlite3_vfs& below, std::size_t map_bytes) : vfs_(below, map_bytes) {}

  [[nodiscard]] absl::StatusOr<std::uint64_t> begin_snapshot();
  [[nodiscard]] absl::Status run_query(std::span<const std::string_view> keys, std::size_t first, std::size_t count,
                                       std::size_t query, absl::FunctionRef<void(const LoadedRow&)> found);
  [[nodiscard]] absl::Status prepare_query(std::size_t query);
  void prefetch(std::span<const std::string_view> keys);

  MappedVfs vfs_;
  Connection connection_;
  Statement select_last_sequence_;
  IndexedTable main_;
  std::uint64_t rows_prefetched_ = 0;
  std::array<Statement, kQuerySizes.size()> queries_;
};

}  // namespace dictsqlite::store
