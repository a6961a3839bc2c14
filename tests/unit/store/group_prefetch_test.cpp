// Goal: every row that exists is found, over the very pages that SQLite reads for it, in trees of every shape; damaged
// pages are survived, and nothing beyond them is read. Method: files that SQLite made, page by page in memory of its
// own size, where an address sanitizer sees every step too far; SQLite's own reads, recorded; pages full of chance.

#include "store/group_prefetch.hpp"

#include "store/sqlite_schema.hpp"
#include "store/vfs_layer.hpp"
#include "store_test_support.hpp"
#include "support/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <set>

namespace dictsqlite::store::testing {
namespace {

// The pages of a file, each in memory of its own.
class Pages {
 public:
  Pages(std::string_view bytes, std::size_t page_bytes) : page_bytes_(page_bytes) {
    for (; bytes.size() >= page_bytes; bytes.remove_prefix(page_bytes)) {
      pages_.push_back(std::make_unique<std::byte[]>(page_bytes));
      std::memcpy(pages_.back().get(), bytes.data(), page_bytes);
    }
  }
  std::size_t prefetch(const IndexedTable& table, const std::vector<std::string_view>& keys) {
    return prefetch_rows(table, keys, page_bytes_, [this](std::uint32_t number) -> const std::byte* {
      asked_.insert(number);
      if (number == 0 || number > pages_.size() || hidden_.contains(type(number))) return nullptr;
      return pages_[number - 1].get();
    });
  }
  void hide(int type) { hidden_.insert(type); }
  [[nodiscard]] std::span<std::byte> bytes(std::size_t index) { return {pages_[index].get(), page_bytes_}; }
  [[nodiscard]] std::size_t count() const { return pages_.size(); }
  [[nodiscard]] const std::set<std::uint32_t>& asked() const { return asked_; }

 private:
  [[nodiscard]] int type(std::uint32_t number) const { return static_cast<int>(pages_[number - 1][0]); }

  std::size_t page_bytes_;
  std::vector<std::unique_ptr<std::byte[]>> pages_;
  std::set<std::uint32_t> asked_;
  std::set<int> hidden_;
};

// A file with rows in it, closed, and what is known of it.
struct World {
  explicit World(const Rows& rows, std::uint32_t page_bytes = 4096) {
    SqliteOptions options = options_for(path);
    options.page_bytes = page_bytes;
    auto store = open_store(options);
    // In another order than that of the keys, in parts: the tree grows by splits.
    std::vector<Rows> parts(7);
    for (const auto& [key, value] : rows) parts[std::hash<std::string>()(key) % parts.size()].emplace(key, value);
    std::uint64_t sequence = 0;
    for (const Rows& part : parts) EXPECT_TRUE(apply_sets(*store, part, ++sequence).ok());
    const absl::StatusOr<bool> copied = store->writer().checkpoint();
    EXPECT_TRUE(copied.ok() && *copied);
    store.reset();
    // All of it has been copied; but whoever opens the file next would read what is in the log from there.
    for (const char* const suffix : {"-wal", "-shm"}) std::filesystem::remove(path + suffix);
    ConnectionOptions plain;
    absl::StatusOr<Connection> connection = Connection::open(path, plain);
    EXPECT_TRUE(connection.ok());
    table = find_main(*connection).value();
  }
  [[nodiscard]] Pages pages(std::size_t page_bytes = 4096) const { return {read_bytes(path), page_bytes}; }

  TempDirectory directory;
  std::string path = directory.file("world.db");
  IndexedTable table;
};

std::vector<std::string_view> keys_of(const Rows& rows) {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : rows) keys.push_back(key);
  return keys;
}

// Keys of `bytes` bytes in no order, with values.
Rows scattered_rows(std::size_t count, std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Rows rows;
  while (rows.size() < count) {
    std::string key(bytes, '\0');
    for (char& byte : key) byte = static_cast<char>('a' + random() % 26);
    rows.emplace(std::move(key), std::string(random() % 200, 'v'));
  }
  return rows;
}

TEST(GroupPrefetch, FindsEveryRowInTreesOfEveryShape) {
  for (const std::uint32_t page_bytes : {512u, 4096u, 65536u}) {
    for (const std::size_t key_bytes : {6u, 57u, 58u, 90u}) {
      const Rows rows = scattered_rows(5'000, key_bytes, page_bytes + key_bytes);
      const World world(rows, page_bytes);
      Pages pages = world.pages(page_bytes);
      EXPECT_EQ(pages.prefetch(world.table, keys_of(rows)), rows.size()) << page_bytes << " " << key_bytes;
    }
  }
}

TEST(GroupPrefetch, FindsNoRowThatIsNotThere) {
  const Rows rows = numbered_rows("k", 3'000, 50);
  const World world(rows);
  Pages pages = world.pages();
  std::vector<std::string> names;
  for (const auto& [key, value] : rows) names.insert(names.end(), {key, key + "a", key.substr(0, 4)});
  names.insert(names.end(), {"", "a", "zzz", std::string(5'000, 'k')});
  std::sort(names.begin(), names.end());
  EXPECT_EQ(pages.prefetch(world.table, {names.begin(), names.end()}), rows.size());
  EXPECT_EQ(pages.prefetch(world.table, {}), 0U);
}

TEST(GroupPrefetch, ReadsRowIdsOfEverySize) {
  const World world({});
  Rows rows;
  std::string insert = "INSERT INTO main(rowid,key,value) VALUES";
  for (const char* id :
       {"-9223372036854775808", "-140737488355329", "-2147483649", "-32769", "-129", "-1", "0", "1", "2", "127", "128",
        "32768", "8388608", "2147483648", "140737488355328", "9223372036854775807"}) {
    rows.emplace("key" + std::string(id), "v");
    insert += (rows.size() == 1 ? "(" : ",(") + std::string(id) + ",'key" + id + "',x'76')";
  }
  ASSERT_EQ(plain_query(world.path, insert), "");
  Pages pages = world.pages();
  EXPECT_EQ(pages.prefetch(world.table, keys_of(rows)), rows.size());
}

// What a plain connection reads, by page number.
class RecordingVfs : public VfsLayer {
 public:
  RecordingVfs()
      : VfsLayer(*sqlite3_vfs_find(nullptr), static_cast<std::size_t>(sqlite3_vfs_find(nullptr)->szOsFile),
                 &RecordingVfs::open),
        registration_(*this) {
    pages_read.clear();
  }
  static inline std::set<std::uint32_t> pages_read;

 private:
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    sqlite3_vfs& below = self<RecordingVfs>(vfs).below_;
    const int code = below.xOpen(&below, name, out, flags, flags_out);
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return code;
    system_methods_ = out->pMethods;
    methods_ = *out->pMethods;
    methods_.iVersion = 2;  // without a mapping, whatever SQLite was built to do
    methods_.xRead = [](sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
      if (count == 4096) pages_read.insert(static_cast<std::uint32_t>(offset / 4096 + 1));
      return system_methods_->xRead(file, to, count, offset);
    };
    out->pMethods = &methods_;
    return code;
  }

  static inline const sqlite3_io_methods* system_methods_ = nullptr;
  static inline sqlite3_io_methods methods_{};
  Registration registration_;
};

TEST(GroupPrefetch, AsksForThePagesThatSqliteReads) {
  const Rows rows = scattered_rows(20'000, 16, 1);
  const World world(rows);
  Rows some;
  for (const auto& row : rows) {
    if (std::hash<std::string>()(row.first) % 100 == 0) some.insert(row);
  }
  Pages pages = world.pages();
  ASSERT_EQ(pages.prefetch(world.table, keys_of(some)), some.size());

  const RecordingVfs vfs;
  ConnectionOptions options;
  options.vfs_name = vfs.name();
  {
    absl::StatusOr<Connection> connection = Connection::open(world.path, options);
    ASSERT_TRUE(connection.ok());
    absl::StatusOr<Statement> select = connection->prepare("SELECT value FROM main WHERE key=?");
    ASSERT_TRUE(select.ok());
    RecordingVfs::pages_read.clear();
    for (const std::string_view key : keys_of(some)) {
      ASSERT_EQ(select->bind_text(1, key), SQLITE_OK);
      ASSERT_EQ(select->step(), SQLITE_ROW);
      select->reset();
    }
  }
  std::set<std::uint32_t> read = RecordingVfs::pages_read;
  read.erase(1);  // looked at for the schema's version
  EXPECT_GT(read.size(), 2 * some.size() / 3);
  EXPECT_TRUE(std::includes(pages.asked().begin(), pages.asked().end(), read.begin(), read.end()));
  EXPECT_LE(pages.asked().size(), read.size() + 2) << "and for next to no other";
}

TEST(GroupPrefetch, StopsAtPagesThatMayNotBeTouched) {
  const Rows rows = scattered_rows(2'000, 16, 2);
  const World world(rows);
  for (const int type : {2, 5, 10, 13}) {
    Pages pages = world.pages();
    pages.hide(type);
    EXPECT_LT(pages.prefetch(world.table, keys_of(rows)), rows.size() / 10) << "only keys of interior pages get by";
  }
}

TEST(GroupPrefetch, SurvivesDamage) {
  std::mt19937_64 random(testing_support::seed());
  const Rows rows = scattered_rows(2'000, 16, 3);
  const World world(rows, 512);
  const std::vector<std::string_view> keys = keys_of(rows);
  for (int round = 0; round < 200; ++round) {
    Pages pages = world.pages(512);
    for (std::size_t page = 0; page < pages.count(); ++page) {
      const std::span<std::byte> bytes = pages.bytes(page);
      // Headers and cell pointers above all; in every fourth round everything.
      const std::size_t length = round % 4 == 0 ? bytes.size() : 24;
      for (int change = 0; change < round % 8; ++change) bytes[random() % length] = static_cast<std::byte>(random());
    }
    EXPECT_LE(pages.prefetch(world.table, keys), keys.size());
  }
  for (int round = 0; round < 50; ++round) {
    Pages pages(std::string(512 * 64, '\0'), 512);
    for (std::size_t page = 0; page < pages.count(); ++page) {
      for (std::byte& byte : pages.bytes(page)) byte = static_cast<std::byte>(random());
      constexpr std::byte kTypes[] = {std::byte{2}, std::byte{5}, std::byte{10}, std::byte{13}};
      pages.bytes(page)[0] = kTypes[random() % 4];
    }
    const IndexedTable table{static_cast<std::uint32_t>(random() % 64), static_cast<std::uint32_t>(random() % 64)};
    EXPECT_LE(pages.prefetch(table, keys), keys.size());
  }
}

TEST(GroupPrefetch, EndsInATreeThatIsItsOwnChild) {
  Pages pages(std::string(2 * 512, '\0'), 512);
  for (const std::size_t page : {0u, 1u}) {
    pages.bytes(page)[0] = std::byte{2};
    pages.bytes(page)[11] = static_cast<std::byte>(2 - page);  // the rightmost child
  }
  EXPECT_EQ(pages.prefetch({1, 2}, {"a", "b", "c", "d"}), 0U);
}

}  // namespace
}  // namespace dictsqlite::store::testing
