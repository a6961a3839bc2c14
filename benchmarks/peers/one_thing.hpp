// One thing at a time, done by the library or by another store: what a plan says, on rows that are there already.
#pragma once

#include "peers/blocking_store.hpp"
#include "support/contest.hpp"
#include "support/remote.hpp"
#include "support/scratch_directory.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {

enum class Work : std::uint8_t {
  kGets,         // random keys of what is in memory, one after another
  kBurst,        // as many random writes as there are rows, then proof against a power cut all together
  kDurableSets,  // random writes, each proof against it when it returns, by some clients
};

/// How another store's clients put a row each at a time.
enum class Clients : std::uint8_t {
  kThreads,
  kPipelined,  // put_each()
};

struct Plan {
  Work work;
  std::size_t rows;
  std::chrono::steady_clock::duration time;
  std::size_t clients = 1;
  Clients clients_are = Clients::kThreads;

  [[nodiscard]] bool is_synced() const noexcept { return work != Work::kGets; }
  /// Memory for all rows, and for all writes of a burst that are in a log only, where a store lets one choose.
  [[nodiscard]] std::size_t budget_bytes() const noexcept;
};

/// The library and others, which do the same in turn. Each has a process and a directory of its own, and is filled when
/// it is added. Thread-safety: none; to be made while this process has one thread.
class InTurn {
 public:
  void add_library(std::string_view what, const Plan& plan);
  void add(std::string_view what, const Plan& plan, const Peer& peer);
  /// In the order they were added; as "what, store".
  [[nodiscard]] const std::deque<Contest::Contender>& run(std::size_t repeats);

 private:
  void enter(std::string_view what, const std::string& store,
             const std::function<std::unique_ptr<Subject>(std::string)>& make);

  const ScratchDirectory scratch_;
  std::vector<std::unique_ptr<Remote>> remotes_;
  Contest contest_;
};

}  // namespace dictsqlite::bench
