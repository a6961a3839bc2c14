#include "journal/block_builder.hpp"

#include "base/assert.hpp"

namespace dictsqlite::journal {

void BlockBuilder::begin(std::span<std::byte> memory) noexcept {
  DICTSQLITE_ASSERT(!memory.empty() && memory.size() % kUnit == 0 && memory.size() <= kBlockBytesMax,
                    "a block has whole units, and is not too large");
  memory_ = memory;
  head_ = {};
  head_.begin = next_sequence_;
}

bool BlockBuilder::add(RecordSource& record) noexcept {
  DICTSQLITE_DCHECK(!record.is_at_end(), "a record is added once");
  if (is_full()) return false;
  const std::size_t at = kBlockHeadBytes + head_.payload_bytes;
  const auto taken = static_cast<std::uint32_t>(record.take(memory_.subspan(at)));
  if (within_record_) head_.continued_bytes += taken;
  head_.payload_bytes += taken;
  within_record_ = !record.is_at_end();
  if (within_record_) return false;
  ++next_sequence_;
  return true;
}

std::span<const std::byte> BlockBuilder::seal(const LogIdentity& identity, const Where& where) noexcept {
  DICTSQLITE_ASSERT(!is_empty(), "a block has a payload");
  head_.segment = where.segment;
  head_.offset = where.offset;
  head_.durable_end = where.durable_end;
  head_.end = next_sequence_;
  head_.previous = previous_;
  const std::span<std::byte> block = memory_.first(bytes());
  previous_ = seal_block(identity, head_, block);
  return block;
}

}  // namespace dictsqlite::journal
