#include "support/memory.hpp"

#include "support/check.hpp"

#include <cstdio>

#include <sys/mman.h>

namespace dictsqlite::bench {

ResidentMemory resident_memory() {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) die("/proc/self/status", "cannot be read");
  ResidentMemory memory;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    std::size_t kib = 0;
    if (std::sscanf(line, "VmRSS: %zu kB", &kib) == 1) memory.now_bytes = kib * 1024;
    if (std::sscanf(line, "RssFile: %zu kB", &kib) == 1) memory.mapped_bytes = kib * 1024;
    if (std::sscanf(line, "VmHWM: %zu kB", &kib) == 1) memory.peak_bytes = kib * 1024;
  }
  std::fclose(file);
  return memory;
}

void warm_memory(std::size_t bytes) noexcept {
  void* range = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (range == MAP_FAILED) return;
  ::madvise(range, bytes, MADV_HUGEPAGE);
  ::madvise(range, bytes, MADV_POPULATE_WRITE);
  ::munmap(range, bytes);
}

}  // namespace dictsqlite::bench
