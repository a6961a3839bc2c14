// StdAtomics: the atomics of production. Lock-free structures take theirs as a template parameter, so that a model
// checker can run the real code with atomics of its own.
#pragma once

#include <atomic>

namespace dictsqlite::base {

struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
};

}  // namespace dictsqlite::base
