// Scenario: a few threads over some structure of the library, and what must hold.
//
// A scenario is a class: its constructor sets up, thread(index) is what each thread does, index 1 to kThreads, check()
// looks at what has become of it when all have ended. It must be deterministic: given the same turns and the same
// results of its accesses, it does the same. What its threads share beside checked atomics is `Plain`. Threads must not
// own memory: an execution that ends in a violation is abandoned where it stands.
#pragma once

#include <cstddef>
#include <new>
#include <string_view>

namespace dictsqlite::checker {

struct Scenario {
  std::string_view name;
  std::size_t threads;
  std::size_t bytes;
  std::size_t alignment;
  void (*construct)(void* at);
  void (*destroy)(void* at);
  void (*thread)(void* at, std::size_t index);
  void (*check)(void* at);
};

template <class World>
[[nodiscard]] constexpr Scenario scenario_of(std::string_view name) {
  return {name,
          World::kThreads,
          sizeof(World),
          alignof(World),
          [](void* at) { new (at) World; },
          [](void* at) { static_cast<World*>(at)->~World(); },
          [](void* at, std::size_t index) { static_cast<World*>(at)->thread(index); },
          [](void* at) { static_cast<World*>(at)->check(); }};
}

}  // namespace dictsqlite::checker
