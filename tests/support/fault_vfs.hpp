// FaultVfs: SQLite's default VFS, with calls that fail when told to. Given to the store by its name.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>

namespace dictsqlite::testing_support {

enum class FaultFile { kDatabase, kLog };
enum class FaultCall { kWrite, kSync, kRead, kTruncate };

struct Fault {
  FaultFile file = FaultFile::kLog;
  FaultCall call = FaultCall::kWrite;
  int error = 0;        // the errno behind it: ENOSPC, EDQUOT, EIO; 0: the call succeeds, after `before`
  int skip = 0;         // how many such calls succeed before
  int times = 1 << 30;  // how many fail then
  /// Called on the failing thread before the call fails, so that a test can act in the midst of it.
  std::function<void()> before = [] {};
};

/// Thread-safety: any thread. Outlives the stores that use it.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  [[nodiscard]] std::string name() const;
  void inject(const Fault& fault);
  void clear();
  /// How many calls have failed.
  [[nodiscard]] int failures() const;
  /// How many calls of this kind there were, failed ones included.
  [[nodiscard]] int calls(FaultFile file, FaultCall call) const;

 private:
  struct State;
  struct File;
  struct Methods;
  std::unique_ptr<State> state_;
};

}  // namespace dictsqlite::testing_support
