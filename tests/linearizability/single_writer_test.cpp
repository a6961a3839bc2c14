// Goal: the checker of keys that are erased accepts what can have happened and nothing else. Method: hand-made
// histories.
#include "linearizability/single_writer.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::linearizability {
namespace {

using History = SingleWriterHistory;

// set 1 at 10..20, erase at 30..40, set 2 at 50..60
History written() {
  History history;
  history.add_write(1, 10, 20);
  history.add_write(History::kAbsent, 30, 40);
  history.add_write(2, 50, 60);
  return history;
}

TEST(SingleWriterHistory, AcceptsReadsOfWhatWasTheCurrentOne) {
  History history = written();
  history.add_read(History::kAbsent, 0, 5);
  history.add_read(1, 21, 29);
  history.add_read(History::kPresent, 22, 29);
  history.add_read(History::kAbsent, 41, 49);
  history.add_read(2, 61, 70);
  EXPECT_EQ(history.find_fault(), std::nullopt);
}

TEST(SingleWriterHistory, AcceptsEitherDuringAWrite) {
  for (const std::uint64_t value : {std::uint64_t{1}, History::kAbsent, History::kPresent}) {
    History history = written();
    history.add_read(value, 31, 39);
    EXPECT_EQ(history.find_fault(), std::nullopt) << value;
  }
}

TEST(SingleWriterHistory, RejectsAKeyThatHasRisenFromTheDead) {
  for (const std::uint64_t value : {std::uint64_t{1}, History::kPresent}) {
    History history = written();
    history.add_read(value, 41, 49);
    EXPECT_NE(history.find_fault(), std::nullopt) << value;
  }
}

TEST(SingleWriterHistory, RejectsAnAbsenceThatIsOver) {
  History history = written();
  history.add_read(History::kAbsent, 61, 70);
  EXPECT_NE(history.find_fault(), std::nullopt);
}

TEST(SingleWriterHistory, RejectsAnAbsenceBeforeItsErase) {
  History history = written();
  history.add_read(History::kAbsent, 21, 29);
  EXPECT_NE(history.find_fault(), std::nullopt);
}

TEST(SingleWriterHistory, RejectsAReadThatGoesBackBehindAnother) {
  History history = written();
  history.add_read(History::kAbsent, 31, 33);
  history.add_read(1, 34, 39);
  EXPECT_NE(history.find_fault(), std::nullopt);
}

TEST(SingleWriterHistory, TakesTheOldestAbsenceThatExplainsARead) {
  History history = written();
  history.add_read(History::kAbsent, 5, 35);  // before the first write, or the erase
  history.add_read(1, 11, 39);
  EXPECT_EQ(history.find_fault(), std::nullopt);
}

TEST(SingleWriterHistory, RejectsAValueThatNobodyWrote) {
  History history = written();
  history.add_read(3, 0, 100);
  EXPECT_NE(history.find_fault(), std::nullopt);
}

}  // namespace
}  // namespace dictsqlite::linearizability
