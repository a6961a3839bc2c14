#include <dictsqlite/executor.hpp>

namespace dictsqlite {

Executor inline_executor() noexcept {
  return Executor{nullptr, [](void*, Work* work) noexcept { work->run(work); }};
}

}  // namespace dictsqlite
