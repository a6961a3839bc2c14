// Goal: what fits a handle is copied and keeps nothing; what does not is shared, counted once a handle, and keeps entry
// and engine. Method: an engine without threads; its counts and its memory are looked at.
#include "cache/value_access.hpp"

#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace dictsqlite::detail {
namespace {

class ValueAccessTest : public testing::Test {
 protected:
  entry::Entry* make(const std::string& value) {
    entry::Entry* const entry = engine_.pool().make(entry::EntryKind::kSet, 1, "key", value, 0);
    EXPECT_NE(entry, nullptr);
    return entry;
  }
  static std::string letters(std::size_t count) {
    std::string letters;
    for (std::size_t index = 0; index < count; ++index) letters += static_cast<char>('a' + index % 26);
    return letters;
  }

  BareEngine engine_;
};

TEST_F(ValueAccessTest, CopiesWhatFits) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, Value::kInlineBytes}) {
    Value value;
    entry::Entry* const entry = make(letters(bytes));
    ValueAccess::assign(value, *entry, engine_.handle());
    EXPECT_EQ(entry->references.load(), 1u) << bytes;
    engine_.pool().release(entry);
    EXPECT_EQ(engine_.pool().used_bytes(), 0u) << bytes;
    EXPECT_EQ(value.view(), letters(bytes));
  }
}

TEST_F(ValueAccessTest, SharesWhatDoesNot) {
  // In the entry's own block, and outside of it.
  for (const std::size_t bytes : {Value::kInlineBytes + 1, std::size_t{100'000}}) {
    entry::Entry* const entry = make(letters(bytes));
    {
      Value value;
      ValueAccess::assign(value, *entry, engine_.handle());
      EXPECT_EQ(entry->references.load(), 1 + entry::Entry::kOneValue) << bytes;
      EXPECT_EQ(value.data(), entry->value().data()) << "without a copy";
      const Value copy = value;
      EXPECT_EQ(entry->references.load(), 1 + 2 * entry::Entry::kOneValue) << bytes;
      EXPECT_EQ(engine_.pool().held_bytes(), entry::EntryPool::footprint(*entry)) << "once";
      engine_.pool().release(entry);
      EXPECT_EQ(copy.view(), letters(bytes)) << "the cache has let go of it";
      EXPECT_GT(engine_.pool().used_bytes(), 0u);
    }
    EXPECT_EQ(engine_.pool().used_bytes(), 0u) << bytes;
    EXPECT_EQ(engine_.pool().held_bytes(), 0u) << bytes;
  }
}

TEST_F(ValueAccessTest, ASharedValueKeepsTheEngine) {
  entry::Entry* const entry = make(letters(1000));
  Value value;
  ValueAccess::assign(value, *entry, engine_.handle());
  engine_.pool().release(entry);
  engine_.end();
  EXPECT_EQ(value.view(), letters(1000));  // AddressSanitizer says whose memory it is
}

}  // namespace
}  // namespace dictsqlite::detail
