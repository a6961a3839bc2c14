// make_write(): checks a write's input and builds the library's record of it. After this nothing in its input can
// make it fail.
#pragma once

#include <dictsqlite/operation.hpp>
#include <dictsqlite/write_batch.hpp>

#include "entry/entry.hpp"

#include <string_view>

namespace dictsqlite::detail {

[[nodiscard]] WriteOperation make_write(EngineHandle engine, entry::EntryKind kind, std::string_view key,
                                        std::string_view value, WriteOptions options);
[[nodiscard]] WriteOperation make_write(EngineHandle engine, const WriteBatch& batch, WriteOptions options);

}  // namespace dictsqlite::detail
