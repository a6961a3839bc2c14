#include "store/group_prefetch.hpp"

#include "base/compiler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace dictsqlite::store {

namespace {

// Keys that go down together: enough to hide the latency of memory, few enough for the processor's buffers.
constexpr std::size_t kTogether = 32;
// A deeper tree is damaged.
constexpr int kDepthMax = 20;
// Of a page: its header and the first hundred or so of its cell pointers.
constexpr std::size_t kPageLines = 3;
// Of a row. The rest of a longer one the processor fetches by itself.
constexpr std::size_t kRowLines = 8;

// Types of pages.
constexpr std::uint8_t kIndexInterior = 2;
constexpr std::uint8_t kTableInterior = 5;
constexpr std::uint8_t kIndexLeaf = 10;
constexpr std::uint8_t kTableLeaf = 13;

constexpr std::size_t kChildBytes = 4;
constexpr std::size_t kPointerBytes = 2;
constexpr std::uint64_t kFirstTextType = 13;
constexpr std::uint64_t kTypeOfZero = 8;
constexpr std::uint64_t kTypeOfOne = 9;

// The lines of `bytes` behind `first`, at most so many.
void prefetch_lines(std::span<const std::byte> bytes, std::size_t first, std::size_t lines) noexcept {
  const std::size_t end = std::min(bytes.size(), first + lines * base::kCacheLine);
  for (std::size_t at = first; at < end; at += base::kCacheLine) __builtin_prefetch(bytes.data() + at);
}

// Reads bytes up to the end of their page; beyond it are zeros.
class PageReader {
 public:
  PageReader(const std::byte* at, const std::byte* end) noexcept : at_(std::min(at, end)), end_(end) {}

  [[nodiscard]] const std::byte* at() const noexcept { return at_; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void skip(std::uint64_t count) noexcept { at_ += std::min<std::uint64_t>(count, left()); }
  [[nodiscard]] std::uint64_t big_endian(std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (; count > 0; --count) value = value << 8 | byte();
    return value;
  }
  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t next = byte();
      value = value << 7 | (next & 0x7f);
      if (next < 0x80) return value;
    }
    return value << 8 | byte();
  }

 private:
  [[nodiscard]] std::uint64_t byte() noexcept { return at_ == end_ ? 0 : std::to_integer<std::uint64_t>(*at_++); }

  const std::byte* at_;
  const std::byte* end_;
};

// A key on its way down a tree.
struct Walk {
  std::string_view key;
  std::int64_t row_id = 0;
  bool found = false;               // first the index entry, then the row
  const std::byte* page = nullptr;  // null: it has arrived
  std::uint8_t type = 0;
  // Of the binary search among the page's cells, [low, high].
  const std::byte* cell = nullptr;
  std::int32_t low = 0;
  std::int32_t high = 0;
  std::int32_t cells = 0;
};

// Not memcmp(), which may do anything while a checkpoint changes the page.
int compare(std::string_view a, PageReader b, std::uint64_t b_bytes) noexcept {
  const std::size_t there = std::min<std::uint64_t>(b_bytes, b.left());
  const std::size_t both = std::min(a.size(), there);
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= both; at += sizeof(std::uint64_t)) {
    std::uint64_t ours = 0;
    std::uint64_t theirs = 0;
    std::memcpy(&ours, a.data() + at, sizeof(ours));
    std::memcpy(&theirs, b.at() + at, sizeof(theirs));
    if (ours == theirs) continue;
    if constexpr (std::endian::native == std::endian::little) {
      ours = __builtin_bswap64(ours);
      theirs = __builtin_bswap64(theirs);
    }
    return ours < theirs ? -1 : 1;
  }
  for (; at < both; ++at) {
    const auto ours = static_cast<std::uint8_t>(a[at]);
    const auto theirs = std::to_integer<std::uint8_t>(b.at()[at]);
    if (ours != theirs) return ours < theirs ? -1 : 1;
  }
  return a.size() < there ? -1 : static_cast<int>(a.size() > there);
}

// An index record: the lengths of the header, the type of the key, the type of the row id; the key; the row id.
struct IndexRecord {
  IndexRecord(const Walk& walk, const std::byte* end) noexcept : body(walk.cell, end) {
    if (walk.type == kIndexInterior) body.skip(kChildBytes);
    static_cast<void>(body.varint());  // the record's length
    PageReader header = body;
    body.skip(header.varint());
    const std::uint64_t key_type = header.varint();
    key_bytes = key_type < kFirstTextType ? 0 : (key_type - kFirstTextType) / 2;
    row_id_type = header.varint();
  }
  PageReader body;
  std::uint64_t key_bytes;
  std::uint64_t row_id_type;
};

class Descent {
 public:
  Descent(std::size_t page_bytes, PageAt page_at) : page_bytes_(page_bytes), page_at_(page_at) {}

  std::size_t run(const IndexedTable& table, std::span<const std::string_view> keys) {
    count_ = keys.size();
    for (std::size_t i = 0; i < count_; ++i) walks_[i] = {.key = keys[i], .page = page_at_(table.index_root)};
    descend([this](Walk& walk) { return compare_entry(walk); });
    for (Walk& walk : walks()) walk.page = std::exchange(walk.found, false) ? page_at_(table.table_root) : nullptr;
    descend([this](Walk& walk) { return compare_row(walk); });
    return static_cast<std::size_t>(std::count_if(walks().begin(), walks().end(), [](Walk& w) { return w.found; }));
  }

 private:
  [[nodiscard]] std::span<Walk> walks() noexcept { return std::span(walks_).first(count_); }
  [[nodiscard]] const std::byte* end_of(const Walk& walk) const noexcept { return walk.page + page_bytes_; }

  // `order` compares what is looked for with the cell: negative if it lies before.
  template <typename Order>
  void descend(Order order) {
    for (int depth = 0; depth < kDepthMax; ++depth) {
      bool any = false;
      for (Walk& walk : walks()) any |= enter(walk);
      if (!any) return;
      search(order);
      for (Walk& walk : walks()) leave(walk);
    }
  }

  bool enter(Walk& walk) const noexcept {
    if (walk.page == nullptr) return false;
    PageReader header(walk.page, end_of(walk));
    walk.type = static_cast<std::uint8_t>(header.big_endian(1));
    header.skip(2);
    const std::size_t fit = (page_bytes_ - header_bytes(walk)) / kPointerBytes;
    walk.cells = static_cast<std::int32_t>(std::min<std::size_t>(header.big_endian(2), fit));
    walk.low = 0;
    walk.high = walk.cells - 1;
    return true;
  }

  // In step: each probe's line is fetched for all before it is looked at for the first. The probes are SQLite's own.
  template <typename Order>
  void search(Order order) {
    for (bool any = true; any;) {
      any = false;
      for (Walk& walk : walks()) {
        if (walk.page == nullptr || walk.low > walk.high) continue;
        walk.cell = cell_at(walk, (walk.low + walk.high) / 2);
        __builtin_prefetch(walk.cell);
        any = true;
      }
      for (Walk& walk : walks()) {
        if (walk.page == nullptr || walk.low > walk.high) continue;
        const std::int32_t middle = (walk.low + walk.high) / 2;
        if (order(walk) <= 0) {
          walk.high = middle - 1;
        } else {
          walk.low = middle + 1;
        }
      }
    }
  }

  void leave(Walk& walk) {
    if (walk.page == nullptr) return;
    if (!is_interior(walk)) {
      walk.page = nullptr;
      return;
    }
    const std::byte* const child =
        walk.low < walk.cells ? cell_at(walk, walk.low) : walk.page + header_bytes(walk) - kChildBytes;
    walk.page = page_at_(static_cast<std::uint32_t>(PageReader(child, end_of(walk)).big_endian(kChildBytes)));
    if (walk.page != nullptr) prefetch_lines({walk.page, page_bytes_}, 0, kPageLines);
  }

  [[nodiscard]] static bool is_interior(const Walk& walk) noexcept {
    return walk.type == kIndexInterior || walk.type == kTableInterior;
  }
  // An interior page's header ends with the rightmost child.
  [[nodiscard]] static std::size_t header_bytes(const Walk& walk) noexcept { return is_interior(walk) ? 12 : 8; }
  [[nodiscard]] const std::byte* cell_at(const Walk& walk, std::int32_t index) const noexcept {
    const std::byte* const pointer = walk.page + header_bytes(walk) + kPointerBytes * static_cast<std::size_t>(index);
    return walk.page + std::min<std::size_t>(PageReader(pointer, end_of(walk)).big_endian(kPointerBytes), page_bytes_);
  }

  // An entry is where SQLite finds it in whichever page; like SQLite this goes on to the left of it.
  int compare_entry(Walk& walk) const noexcept {
    if (walk.type != kIndexInterior && walk.type != kIndexLeaf) return 0;
    IndexRecord record(walk, end_of(walk));
    const int order = compare(walk.key, record.body, record.key_bytes);
    if (order == 0) {
      record.body.skip(record.key_bytes);
      walk.found = read_row_id(record, walk.row_id);
    }
    return order;
  }
  [[nodiscard]] static bool read_row_id(IndexRecord& record, std::int64_t& row_id) noexcept {
    constexpr std::array<std::size_t, 7> kIntegerBytes = {0, 1, 2, 3, 4, 6, 8};
    if (record.row_id_type == kTypeOfZero || record.row_id_type == kTypeOfOne) {
      row_id = record.row_id_type == kTypeOfOne ? 1 : 0;
      return true;
    }
    if (record.row_id_type == 0 || record.row_id_type >= kIntegerBytes.size()) return false;
    const std::size_t count = kIntegerBytes[record.row_id_type];
    const std::size_t unused = 64 - 8 * count;
    // Signed.
    row_id = static_cast<std::int64_t>(record.body.big_endian(count) << unused) >> unused;
    return true;
  }

  int compare_row(Walk& walk) const noexcept {
    if (walk.type != kTableInterior && walk.type != kTableLeaf) return 0;
    PageReader cell(walk.cell, end_of(walk));
    std::uint64_t row_bytes = 0;
    if (walk.type == kTableInterior) {
      cell.skip(kChildBytes);
    } else {
      row_bytes = cell.varint();
    }
    const auto row_id = static_cast<std::int64_t>(cell.varint());
    if (walk.row_id != row_id) return walk.row_id < row_id ? -1 : 1;
    if (walk.type == kTableInterior) return 0;
    walk.found = true;
    walk.low = walk.high + 1;  // SQLite stops here
    const std::size_t lines = std::min<std::uint64_t>(row_bytes / base::kCacheLine + 1, kRowLines);
    prefetch_lines({cell.at(), cell.left()}, base::kCacheLine, lines);
    return 0;
  }

  const std::size_t page_bytes_;
  const PageAt page_at_;
  std::size_t count_ = 0;
  std::array<Walk, kTogether> walks_;
};

}  // namespace

std::size_t prefetch_rows(const IndexedTable& table, std::span<const std::string_view> keys, std::size_t page_bytes,
                          PageAt page_at) {
  Descent descent(page_bytes, page_at);
  std::size_t found = 0;
  while (!keys.empty()) {
    const std::size_t count = std::min(keys.size(), kTogether);
    found += descent.run(table, keys.first(count));
    keys = keys.subspan(count);
  }
  return found;
}

}  // namespace dictsqlite::store
