// ForeignProcess: another process with a plain SQLite connection, told through a pipe what to do.
//
// Forked before the test opens a database: SQLite's own record of POSIX locks must not be inherited.
#pragma once

#include <sys/types.h>

#include <string>

namespace dictsqlite::store::testing {

/// Thread-safety: one thread at a time. The destructor kills the process.
class ForeignProcess {
 public:
  ForeignProcess();
  ~ForeignProcess();
  ForeignProcess(const ForeignProcess&) = delete;
  ForeignProcess& operator=(const ForeignProcess&) = delete;

  /// Opens `path` with a plain connection. "ok" or "error <code>".
  std::string open(const std::string& path);
  /// Runs one statement: the columns of its first row joined by '|', "" without a row, or "error <code>".
  std::string query(const std::string& sql);
  /// Opens `path` as the library does, and keeps it: "ok" or the number of the status code.
  std::string own(const std::string& path);
  /// Applies one set of `key` through the store opened by own(): "ok" or the number of the status code.
  std::string put(const std::string& key);
  /// Syncs what was put.
  std::string sync();
  /// SIGKILL.
  void kill();

 private:
  std::string ask(char verb, const std::string& argument);

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace dictsqlite::store::testing
