// engine_of(): the engine behind a database, for tests that take the part of one of its operations.
#pragma once

#include <dictsqlite/database.hpp>

#include "database/engine.hpp"

#include <utility>

namespace dictsqlite::testing_support {

/// Lives as long as the database. Not of an empty handle.
inline detail::Engine& engine_of(Database& database) {
  struct Peek : GetOperation {
    explicit Peek(GetOperation operation) : GetOperation(std::move(operation)) {}
    using Operation::engine;
  };
  return *Peek(database.get_async("any key")).engine();
}

}  // namespace dictsqlite::testing_support
