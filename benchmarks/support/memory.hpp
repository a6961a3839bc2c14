// Memory of this process, and of the machine before a run.
#pragma once

#include <cstddef>

namespace dictsqlite::bench {

struct ResidentMemory {
  std::size_t now_bytes = 0;     // VmRSS
  std::size_t peak_bytes = 0;    // VmHWM
  std::size_t mapped_bytes = 0;  // RssFile: pages of files, which the kernel takes back at will
};

[[nodiscard]] ResidentMemory resident_memory();

/// Touches this much memory and gives it back. A guest with free-page reporting pays the host for every page that it
/// touches again after a while; a run that comes next finds the pages still there.
void warm_memory(std::size_t bytes) noexcept;

}  // namespace dictsqlite::bench
