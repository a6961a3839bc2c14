// Surroundings: what a database takes from the world. The world's own by default; a test puts others in its place and
// then owns time, the order in which threads run, every file and every fault.
//
// Randomness comes through the VFS (xRandomness): it makes the database's id and the name of a draft. Nothing else is
// drawn, but for the seed of the hash, which Abseil takes from the address of a variable: the same within a process.
#pragma once

#include <dictsqlite/database.hpp>

#include "base/clock.hpp"
#include "io/file_access.hpp"
#include "io/io_backend.hpp"
#include "task/thread_host.hpp"

#include <string>

namespace dictsqlite::detail {

/// Ownership: everything pointed to outlives the engine.
struct Surroundings {
  const base::Clock& clock = base::steady_clock();
  task::ThreadHost& threads = task::system_threads();
  io::BackendOpener backend{};
  io::FileAccess* files = nullptr;  // null: the kernel's
  std::string vfs_name{};           // of the SQLite VFS to build on; empty: the default one
};

/// Database::open_async() in other surroundings, which outlive the database and everything that outlives it.
OpenOperation open_in(const Surroundings& surroundings, Options options);

}  // namespace dictsqlite::detail
