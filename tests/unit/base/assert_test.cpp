// Goal: an assertion that does not hold ends the process and says where, what and why; one that holds does nothing.
// Method: death tests, and conditions that count how often they are evaluated.
#include "base/assert.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::base {
namespace {

TEST(Assert, ThatHoldsEvaluatesItsConditionOnceAndGoesOn) {
  int evaluated = 0;
  DICTSQLITE_ASSERT(++evaluated == 1, "never said");
  EXPECT_EQ(evaluated, 1);
}

TEST(AssertDeathTest, SaysWhereWhatAndWhy) {
  const int three = 3;
  EXPECT_EXIT(DICTSQLITE_ASSERT(three == 4, "three is not four"), testing::KilledBySignal(SIGABRT),
              "assert_test\\.cpp:[0-9]+: assertion failed: three == 4 \\(three is not four\\)");
}

TEST(AssertDeathTest, PrintsOneLineOfTheFormThatToolsUnderstand) {
  EXPECT_EXIT(assertion_failed("a < b", "a is below b", "src/file.cpp", 42), testing::KilledBySignal(SIGABRT),
              "^src/file\\.cpp:42: assertion failed: a < b \\(a is below b\\)\n$");
}

#if defined(DICTSQLITE_DCHECKS)
TEST(AssertDeathTest, OfTheCostlyKindIsCheckedInThisBuild) {
  EXPECT_EXIT(DICTSQLITE_DCHECK(1 > 2, "one is not above two"), testing::KilledBySignal(SIGABRT),
              "assertion failed: 1 > 2 \\(one is not above two\\)");
}
#else
TEST(Assert, OfTheCostlyKindCostsNothingInThisBuild) {
  int evaluated = 0;
  DICTSQLITE_DCHECK(++evaluated == 0, "never said");
  EXPECT_EQ(evaluated, 0);
}
#endif

}  // namespace
}  // namespace dictsqlite::base
