// ScanSession: one scan, shared by the Scan the user holds, its operation under way, and the loader that fetches.
//
// Thread-safety: by protocol. While a fetch is queued or running, the loader has it; otherwise the user's thread.
//                `references` and `dropped` from any thread.
// Ownership:     counted: the Scan, the operation, the loader's queue and its list of open scans.
#pragma once

#include <dictsqlite/scan.hpp>

#include "base/flag.hpp"
#include "store/store.hpp"

#include <absl/status/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dictsqlite {

struct ScanNextOperation::State {
  // Set when the scan is made.
  store::KeyRange range;
  store::ScanOrder order = store::ScanOrder::kForward;
  std::size_t rows_left = 0;  // by ScanOptions::limit

  // The user's side.
  std::vector<store::ScannedRow> rows;  // fetched, not handed out yet from `position` on
  std::size_t position = 0;
  std::string last_key;    // the last one handed out
  bool started = false;    // the first fetch was asked for
  bool withdrawn = false;  // an operation was destroyed while it waited: the loader may still be at it
  bool exhausted = false;  // nothing behind `rows`
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;

  // The loader's side.
  bool opened = false;                       // the store's scan was opened; if it is gone, it took too long
  detail::Completion* completion = nullptr;  // of the fetch under way
  State* next = nullptr;                     // in the loader's queue

  base::Flag dropped;  // the Scan is gone: the loader may end the transaction. (L3) (L4) (Y2)
  std::atomic<std::uint32_t> references{1};

  void retain() noexcept { references.fetch_add(1, std::memory_order_relaxed); }  // the caller has a reference
  void release() noexcept {
    // (Y1) Every owner's use happens before its release; acquire makes the last one see it. Pairs with itself.
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;  // (Y1)
  }
  void fail(absl::StatusCode new_code, std::string_view text) {
    code = new_code;
    message = std::string(text);
    exhausted = true;
  }
};

}  // namespace dictsqlite
