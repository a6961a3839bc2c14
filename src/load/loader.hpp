// Loader: the thread that reads. Takes every miss that queued while it was busy, sorts them, asks SQLite in groups,
// and hands each value to the table and to everyone who waits. Natural batching: it never waits for more. It also
// fetches the rows of scans.
//
// Thread-safety: flights(), queue_scan() and end_scans_soon() from any thread; start() and stop() from the owner.
// Ownership:     owns its reading connection and the open scans; borrows the store, which must outlive it.
#pragma once

#include "base/clock.hpp"
#include "base/closable_stack.hpp"
#include "base/flag.hpp"
#include "load/flights.hpp"
#include "load/scan_session.hpp"
#include "store/sqlite_store.hpp"
#include "task/library_thread.hpp"
#include "task/parker.hpp"
#include "task/resume_thread.hpp"

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace dictsqlite::load {

/// Statistics: written by the loader, read by anyone; each relaxed, each on its own.
struct LoadCounters {
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> queries{0};
  std::atomic<std::uint64_t> groups{0};
};

/// What the loader asks of its owner.
class LoaderHost {
 public:
  /// Bytes of unapplied writes, for trimming the cache after fills.
  [[nodiscard]] virtual std::size_t unapplied_bytes() const noexcept = 0;
  /// The rows of a database without a disk that are in `range`, sorted by key, as of one moment.
  virtual void collect_rows(const store::KeyRange& range, std::vector<store::ScannedRow>& rows) = 0;

 protected:
  ~LoaderHost() = default;
};

class Loader {
 public:
  struct Config {
    std::size_t flights_max;
    std::size_t scans_max;
    base::Nanoseconds scan_time_max;
    base::Nanoseconds poll_time;
    const base::Clock& clock;
    task::ThreadHost& threads;
  };

  Loader(const Config& config, LoaderHost& host, cache::Cache& cache, const base::Watermark& applied,
         task::ResumeThread& resume);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Opens the reading connection and starts the thread. `store` is null without a disk.
  [[nodiscard]] absl::Status start(store::SqliteStore* store);
  /// Ends every scan that is open now, to free the log. Any thread.
  void end_scans_soon() noexcept;
  /// Serves what is queued, refuses what comes later, ends every scan and the thread.
  void stop() noexcept;

  /// Whether the caller is the loader's thread. Any thread may ask.
  [[nodiscard]] bool is_current() const noexcept { return thread_.is_current(); }

  [[nodiscard]] Flights& flights() noexcept { return flights_; }
  [[nodiscard]] const LoadCounters& counters() const noexcept { return counters_; }

  /// Asks for the scan's next rows; its completion is delivered when they are there. Takes over one reference.
  /// False if the loader has ended: reference and completion stay the caller's.
  [[nodiscard]] bool queue_scan(ScanNextOperation::State* scan) noexcept;
  /// Looks at what has changed: a scan was dropped.
  void ring() noexcept { doorbell_.ring(); }

 private:
  struct OpenScan {
    ScanNextOperation::State* session;  // one reference
    std::unique_ptr<store::StoreScan> store_scan;
    base::Instant opened;
  };

  void run() noexcept;
  bool step();
  void load(Flight* queued);
  void load_group(std::span<Flight* const> flights);
  void load_keys(std::span<Flight* const> firsts);

  [[nodiscard]] ScanNextOperation::State* take_scans() noexcept;
  void serve_scans(ScanNextOperation::State* queued);
  void fetch(ScanNextOperation::State* session);
  void fetch_from_memory(ScanNextOperation::State* session);
  [[nodiscard]] OpenScan* open_scan(ScanNextOperation::State* session);
  void end_scans(bool all);
  void end_scan(std::size_t index);

  [[nodiscard]] bool nothing_queued() const noexcept;
  [[nodiscard]] bool any_dropped() const noexcept;
  [[nodiscard]] bool poll_before_sleep(base::Instant deadline);
  void sleep();

  const Config config_;
  LoaderHost& host_;
  cache::Cache& cache_;
  const base::Watermark& applied_;
  task::ResumeThread& resume_;
  task::Parker parker_;
  io::Doorbell doorbell_;
  Flights flights_;
  LoadCounters counters_;
  base::Flag stopping_;    // (L3) raised (FL1) before ring(); (L4) looked at (FL2) between park() and sleeping
  base::Flag log_pinned_;  // the same
  // Scans that want rows: (L3) pushed (CS1) before the look at the doorbell (D2); (L4) looked for (CS2) after (D3).
  base::ClosableStack<ScanNextOperation::State, &ScanNextOperation::State::next> scan_queue_;

  // The thread's own.
  const base::Clock& clock_;
  store::SqliteStore* store_ = nullptr;
  std::unique_ptr<store::StoreReader> reader_;
  std::vector<Flight*> sorted_;
  std::vector<Flight*> firsts_;
  std::vector<std::string_view> keys_;
  std::vector<OpenScan> scans_;
  task::LibraryThread thread_;
};

}  // namespace dictsqlite::load
