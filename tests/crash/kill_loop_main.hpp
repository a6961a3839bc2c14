// main() of the tests that are their own children.
#pragma once

#include "crash/kill_loop_child.hpp"
#include "support/random.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace dictsqlite::kill_loop {

inline int run_tests_or_child(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == kChildArgument) return run_child(from_words(argv[2]));
  testing::InitGoogleTest(&argc, argv);
  ::setenv("DICTSQLITE_SEED", std::to_string(testing_support::seed()).c_str(), 1);  // children plan with the same seed
  return RUN_ALL_TESTS();
}

}  // namespace dictsqlite::kill_loop
