// Engine: owns everything a database consists of, wires it, and ends it in order. The public classes are faces of it.
//
//   write:  WriteOperation -> WritePath (cache, ring) -> Flusher (store) -> Waiters -> executor
//   read:   GetOperation -> Table, a hit; or -> Flights -> Loader (store) -> executor
//
// Thread-safety: every member from any thread, unless it says otherwise.
// Ownership:     counted by EngineHandles. Its threads end in shutdown(), which the Database's destructor runs; its
//                memory goes with the last handle.
#pragma once

#include <dictsqlite/database.hpp>

#include "base/failure.hpp"
#include "cache/cache.hpp"
#include "database/handle_count.hpp"
#include "database/surroundings.hpp"
#include "flush/flusher.hpp"
#include "flush/write_path.hpp"
#include "load/loader.hpp"
#include "task/parker.hpp"
#include "task/resume_thread.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <string>
#include <string_view>

namespace dictsqlite::detail {

class Engine final : private flush::FlusherHost, private load::LoaderHost {
 public:
  /// An engine with its memory and no threads yet, as the owner's handle. `options` were checked.
  /// Errors: kResourceExhausted.
  [[nodiscard]] static absl::StatusOr<EngineHandle> create(const Options& options, const Surroundings& surroundings);

  virtual ~Engine() = default;  // by the last handle

  // --- life ---

  /// Starts opening; `completion` is delivered when it is over. An error: nothing was started.
  [[nodiscard]] absl::Status open(Completion* completion);
  /// The first half of closing: from now on new operations are refused. False if that was so before.
  [[nodiscard]] bool begin_close() noexcept;
  /// Closes, within Options::close_timeout, and ends the threads. By the owner, once.
  void shutdown() noexcept;
  /// The owner gives up its share of the handles. It still holds one handle.
  void let_go() noexcept;

  /// A handle for a new operation, by the owner.
  [[nodiscard]] EngineHandle spread() noexcept {
    handles_.retain();
    return EngineHandle(this);
  }
  [[nodiscard]] HandleCount& handles() noexcept { return handles_; }

  // --- parts ---

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] bool memory_only() const noexcept { return options_.persist_mode == PersistMode::kMemory; }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }  // (Z1)
  [[nodiscard]] cache::Cache& cache() noexcept { return cache_; }
  [[nodiscard]] flush::WritePath& path() noexcept { return path_; }
  [[nodiscard]] load::Loader& loader() noexcept { return loader_; }
  [[nodiscard]] const flush::Watermarks& watermarks() const noexcept { return watermarks_; }
  [[nodiscard]] const base::Failure& failure() const noexcept { return failure_; }
  [[nodiscard]] const base::Clock& clock() const noexcept { return surroundings_.clock; }
  [[nodiscard]] Executor default_executor() noexcept {
    return options_.executor ? options_.executor : resume_.executor();
  }

  /// Hands a completion to the flusher. False if it has ended: the completion stays the caller's.
  [[nodiscard]] bool wait_for(Completion* completion, flush::WaitFor kind, std::uint64_t sequence) noexcept;

  /// Whether check_key() has no objection.
  [[nodiscard]] bool is_key(std::string_view key) const noexcept { return key.size() - 1 < options_.key_bytes_max; }
  /// kInvalidArgument with a sentence, or kOk with an empty one.
  [[nodiscard]] Immediate check_key(std::string_view key) const noexcept {
    if (DICTSQLITE_UNLIKELY(key.empty())) return {absl::StatusCode::kInvalidArgument, "the key is empty"};
    if (DICTSQLITE_UNLIKELY(key.size() > options_.key_bytes_max)) {
      return {absl::StatusCode::kInvalidArgument, "the key is longer than Options::key_bytes_max"};
    }
    return {};
  }

  [[nodiscard]] Stats stats() noexcept;

 private:
  Engine(const Options& options, const Surroundings& surroundings);
  friend class EngineHandle;
  friend void release(const SharedRef& shared) noexcept;
  void drop_handle() noexcept {
    if (handles_.release()) delete this;
  }

  [[nodiscard]] static flush::Flusher::Config flusher_config(const Options& options, const Surroundings& surroundings);

  // FlusherHost
  [[nodiscard]] absl::Status store_opened(store::SqliteStore* store) override;
  void opened() override;
  void store_closing() override;
  void log_pinned() override { loader_.end_scans_soon(); }
  void emit(EventKind kind, const std::string& message) override;
  void flusher_ended(const absl::Status& opening) override;
  // LoaderHost
  [[nodiscard]] std::size_t unapplied_bytes() const noexcept override { return path_.admission().used_bytes(); }
  void collect_rows(const store::KeyRange& range, std::vector<store::ScannedRow>& rows) override;

  const Options options_;
  const Surroundings surroundings_;
  HandleCount handles_;
  std::atomic<bool> closed_{false};  // new operations are refused. (Z1): exchange in begin_close(), acq_rel
  bool started_ = false;             // the flusher runs or has run; the owner's
  Completion* opener_ = nullptr;     // until opened() or, without success, flusher_ended()
  bool opening_failed_ = false;      // the flusher's
  Completion closer_;                // shutdown()'s, which must not fail for want of memory
  base::Failure failure_;
  flush::Watermarks watermarks_;
  cache::Cache cache_;
  flush::WritePath path_;
  task::ResumeThread resume_;
  load::Loader loader_;
  flush::Flusher flusher_;
  task::Parker ended_;  // unparked by the flusher's end; shutdown() parks
};

}  // namespace dictsqlite::detail
