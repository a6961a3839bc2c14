// StrongMap: what somebody writes who needs a fast concurrent dictionary in memory and nothing else.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <array>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

/// Thread-safety: any thread. A shard is a map under a std::mutex, which is faster here than absl::Mutex.
class StrongMap {
 public:
  void set(std::string_view key, std::string_view value) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    shard.map[absl::string_view(key.data(), key.size())].assign(value);
  }
  /// Copies the value to `value`; false if there is none.
  bool get(std::string_view key, std::string& value) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.map.find(absl::string_view(key.data(), key.size()));
    if (found == shard.map.end()) return false;
    value.assign(found->second);
    return true;
  }

 private:
  static constexpr std::size_t kShards = 64;

  struct alignas(64) Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::string, std::string> map;
  };

  Shard& shard_of(std::string_view key) {
    return shards_[absl::HashOf(absl::string_view(key.data(), key.size())) >> 32 & (kShards - 1)];
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace dictsqlite::bench
