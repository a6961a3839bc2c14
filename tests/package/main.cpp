// Goal: a program outside the tree compiles, links and runs with nothing but what users are given.
// Method: built by each consumer project of this directory, once more with -fno-exceptions -fno-rtti.
#include <dictsqlite/executor.hpp>

#include <cstdio>

namespace {

struct CountingWork : dictsqlite::Work {
  int runs = 0;
};

}  // namespace

int main() {
  CountingWork work;
  work.run = [](dictsqlite::Work* self) noexcept { ++static_cast<CountingWork*>(self)->runs; };
  dictsqlite::inline_executor()(&work);
  if (work.runs != 1) {
    std::fprintf(stderr, "consumer: the work ran %d times instead of once\n", work.runs);
    return 1;
  }
  std::puts("consumer: ok");
  return 0;
}
