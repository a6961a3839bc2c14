// How fast are durable writes, each awaited, against the embedded stores that keep a log of their own? 64 coroutines on
// the library, until flush() returns; 64 threads on RocksDB and LevelDB with sync=true, which group what waits at a
// time as well. All have as much memory for writes that are in the log only (kUnappliedBytes).

#include "support/arguments.hpp"
#include "support/contest.hpp"
#include "support/durable_writers.hpp"
#include "support/filled.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <leveldb/db.h>
#include <rocksdb/db.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "log_peers_bench";
constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kWriters = 64;
constexpr double kRunSeconds = 30;

template <class Status>
void must_be_ok(const Status& status, std::string_view what) {
  if (!status.ok()) die(what, status.ToString());
}

// The interface of both; RocksDB began as LevelDB.
template <class Db, class Options, class WriteOptions, class Slice>
class Peer {
 public:
  Peer(const std::string& path, Options options) {
    options.create_if_missing = true;
    options.write_buffer_size = kUnappliedBytes;
    Db* opened = nullptr;
    must_be_ok(Db::Open(options, path, &opened), path);
    database_.reset(opened);
    durably_.sync = true;
  }
  void put(std::string_view key, std::string_view value, bool durably = true) {
    must_be_ok(database_->Put(durably ? durably_ : WriteOptions(), Slice(key.data(), key.size()),
                              Slice(value.data(), value.size())),
               "Put");
  }

 private:
  std::unique_ptr<Db> database_;
  WriteOptions durably_;
};
using RocksDb = Peer<rocksdb::DB, rocksdb::Options, rocksdb::WriteOptions, rocksdb::Slice>;
using LevelDb = Peer<leveldb::DB, leveldb::Options, leveldb::WriteOptions, leveldb::Slice>;

// The values do not compress.
template <class Options, class Compression>
Options without(Compression compression) {
  Options options;
  options.compression = compression;
  return options;
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "durable writes of random keys of 1 M, each awaited, against stores with a log");
  const ScratchDirectory scratch;
  const Keys keys(arguments.scaled(kKeys));
  const Values values;
  DurableWork work{keys, values,
                   std::chrono::milliseconds(static_cast<std::int64_t>(kRunSeconds * arguments.scale * 1e3))};
  Database database = open_filled(options_for(scratch.file("ours.db"), Journal::kOn), keys, values);
  RocksDb rocks(scratch.file("rocks"), without<rocksdb::Options>(rocksdb::kNoCompression));
  LevelDb level(scratch.file("level"), without<leveldb::Options>(leveldb::kNoCompression));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    rocks.put(keys[i], values[i], false);
    level.put(keys[i], values[i], false);
  }

  Contest contest;
  const auto& ours = contest.add("with a log, 64 coroutines", [&] {
    return by_coroutines(work, database, kWriters, UntilFlushed::kYes, inline_executor());
  });
  const auto& against_rocks = contest.add("RocksDB, 64 threads", [&] {
    return by_threads(work, kWriters, [&](std::string_view key, std::string_view value) { rocks.put(key, value); });
  });
  const auto& against_level = contest.add("LevelDB, 64 threads", [&] {
    return by_threads(work, kWriters, [&](std::string_view key, std::string_view value) { level.put(key, value); });
  });
  contest.run(arguments.repeats_or(3));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  for (const auto& contender : contest.contenders()) report.latencies(contender);
  report.bar("64 coroutines against RocksDB", ratios(ours.rates(), against_rocks.rates()), "x", BarKind::kAtLeast, 5);
  report.bar("64 coroutines against LevelDB", ratios(ours.rates(), against_level.rates()), "x", BarKind::kAtLeast, 3.5);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Durable writes through a log against RocksDB and LevelDB.");
  if (arguments.wants(bench::kProgram, "durable")) bench::run(arguments);
}
