// What the queues of posted work share. Producers push onto a stack, because that takes one word; the consumer
// turns what it took around once.
#pragma once

#include <dictsqlite/executor.hpp>

#include <utility>

namespace dictsqlite::task {

/// Turns a chain of work around and returns its new head. Cost: one visit of each node.
[[nodiscard]] inline Work* reversed(Work* newest_first) noexcept {
  Work* oldest_first = nullptr;
  while (newest_first != nullptr) {
    Work* older = std::exchange(newest_first->next, oldest_first);
    oldest_first = std::exchange(newest_first, older);
  }
  return oldest_first;
}

/// Takes the first node off a chain that is not empty. After this nothing refers to the node, so it may run.
[[nodiscard]] inline Work* pop_first(Work*& chain) noexcept { return std::exchange(chain, chain->next); }

}  // namespace dictsqlite::task
