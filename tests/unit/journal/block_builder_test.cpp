// Goal: records go into blocks in order, over as many as they need; heads name exactly what is in them.
// Method: records around the size of a block, read back block by block.

#include "journal/block_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

constexpr std::size_t kRoom = 2 * kUnit - kBlockHeadBytes;  // for payload, in the blocks of these tests

class BlockBuilderTest : public ::testing::Test {
 protected:
  // A record of so many bytes.
  RecordSource& record_of(std::size_t bytes) {
    value_ = std::string(bytes - 7 - (bytes > 7 + 127 ? 1 : 0) - (bytes > 8 + 127 ? 1 : 0), 'v');
    const LogRow row{RowKind::kSet, 1, "k", value_, 0};
    source_.begin(std::span(&row, 1), RecordSource::As::kSingle);
    return source_;
  }
  ReadBlock seal() {
    const std::span<const std::byte> block = builder_.seal(identity_, {1, kUnit, 7});
    const ReadBlock read = read_block(identity_, 1, kUnit, block);
    EXPECT_EQ(read.found, BlockFound::kWhole);
    EXPECT_EQ(read.head.durable_end, 7U);
    return read;
  }

  LogIdentity identity_;
  std::vector<std::byte> memory_ = std::vector<std::byte>(2 * kUnit);
  BlockBuilder builder_{10};
  RecordSource source_;
  std::string value_;
};

TEST_F(BlockBuilderTest, NamesTheRecordsThatAreWhole) {
  builder_.begin(memory_);
  EXPECT_TRUE(builder_.is_empty());
  EXPECT_TRUE(builder_.add(record_of(100)));
  EXPECT_TRUE(builder_.add(record_of(100)));
  EXPECT_FALSE(builder_.is_full());
  EXPECT_EQ(builder_.end(), 12U);
  EXPECT_EQ(builder_.bytes(), kUnit);
  const ReadBlock first = seal();
  EXPECT_EQ(first.head.begin, 10U);
  EXPECT_EQ(first.head.end, 12U);
  EXPECT_EQ(first.head.continued_bytes, 0U);
  EXPECT_EQ(first.head.previous, 0U);
  builder_.begin(memory_);
  EXPECT_TRUE(builder_.add(record_of(100)));
  const ReadBlock second = seal();
  EXPECT_EQ(second.head.begin, 12U);
  EXPECT_EQ(second.head.end, 13U);
  EXPECT_EQ(second.head.previous, first.checksum);
}

TEST_F(BlockBuilderTest, ARecordThatJustFitsDoesNotGoOn) {
  builder_.begin(memory_);
  RecordSource& record = record_of(kRoom);
  ASSERT_EQ(record.bytes(), kRoom);
  EXPECT_TRUE(builder_.add(record));
  EXPECT_TRUE(builder_.is_full());
  RecordSource& next = record_of(50);
  EXPECT_FALSE(builder_.add(next)) << "there is no room";
  EXPECT_EQ(seal().head.end, 11U);
  builder_.begin(memory_);
  EXPECT_TRUE(builder_.add(next));
  const ReadBlock block = seal();
  EXPECT_EQ(block.head.continued_bytes, 0U) << "none of it was in the block before";
  EXPECT_EQ(block.head.begin, 11U);
  EXPECT_EQ(block.head.end, 12U);
}

TEST_F(BlockBuilderTest, ALongRecordGoesOnInTheNextBlocks) {
  builder_.begin(memory_);
  RecordSource& record = record_of(2 * kRoom + 1);
  EXPECT_FALSE(builder_.add(record));
  EXPECT_TRUE(builder_.is_full());
  EXPECT_EQ(builder_.end(), 10U);
  EXPECT_EQ(seal().head.end, 10U);
  builder_.begin(memory_);
  EXPECT_FALSE(builder_.add(record));
  const ReadBlock middle = seal();
  EXPECT_EQ(middle.head.begin, 10U);
  EXPECT_EQ(middle.head.end, 10U);
  EXPECT_EQ(middle.head.continued_bytes, kRoom);
  builder_.begin(memory_);
  EXPECT_TRUE(builder_.add(record));
  EXPECT_TRUE(builder_.add(record_of(50)));
  const ReadBlock last = seal();
  EXPECT_EQ(last.head.begin, 10U);
  EXPECT_EQ(last.head.end, 12U);
  EXPECT_EQ(last.head.continued_bytes, 1U);
  EXPECT_EQ(last.head.payload_bytes, 51U);
}

}  // namespace
}  // namespace dictsqlite::journal
