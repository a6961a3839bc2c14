// TakenMemory: while it lives, a pool has nothing left.
#pragma once

#include "entry/entry_pool.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

class TakenMemory {
 public:
  explicit TakenMemory(entry::EntryPool& pool) : pool_(pool) {
    for (const std::size_t bytes : {entry::kBlockBytesMax, std::size_t{1024}, std::size_t{256}, std::size_t{64}}) {
      while (void* block = pool_.allocate_block(bytes)) blocks_.emplace_back(block, bytes);
    }
  }
  ~TakenMemory() {
    for (const auto& [block, bytes] : blocks_) pool_.release_block(block, bytes);
  }
  TakenMemory(const TakenMemory&) = delete;
  TakenMemory& operator=(const TakenMemory&) = delete;

 private:
  entry::EntryPool& pool_;
  std::vector<std::pair<void*, std::size_t>> blocks_;
};

}  // namespace dictsqlite::testing_support
