// The tour that README.md shows: open, write, read, batch, scan, flush, close. Usage: quickstart [DATABASE]
//
// README.md repeats the regions between `[readme:NAME]` and `[/readme:NAME]`; examples/check_readme.py sees to it.

#include <dictsqlite/dictsqlite.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace {

// [readme:tour]
// Every call ends in an absl::Status or StatusOr. A missing key is kNotFound; anything else that is not Ok is a fault.
dictsqlite::Task<absl::Status> play(dictsqlite::Database& db) {
  // Accepted: visible to every reader at once, written to disk behind your back.
  absl::Status status = co_await db.set_async("player:1", "Ada, level 7");
  if (!status.ok()) co_return status;

  // Durable: goes on when it survives a power cut. Those who wait share one transaction and one sync.
  status = co_await db.set_async("wallet:1", "250", {.ack = dictsqlite::Ack::kDurable});
  if (!status.ok()) co_return status;

  // A hit does not suspend. A miss joins one `IN (...)` query with all the others that wait.
  absl::StatusOr<dictsqlite::Value> player = co_await db.get_async("player:1");
  if (!player.ok()) co_return player.status();
  std::printf("player:1 is %s\n", player->str().c_str());

  // All or nothing, in memory and on disk, now and after a crash.
  dictsqlite::WriteBatch trade;
  trade.set("wallet:1", "200");
  trade.set("wallet:2", "50");
  trade.erase("offer:17");
  status = co_await db.write_async(trade);
  if (!status.ok()) co_return status;

  // One result per key, in the order given.
  const std::array<std::string_view, 3> keys = {"wallet:1", "wallet:2", "wallet:3"};
  const auto wallets = co_await db.batch_get_async(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!wallets[i].ok() && !absl::IsNotFound(wallets[i].status())) co_return wallets[i].status();
    std::printf("%s holds %s\n", keys[i].data(), wallets[i].ok() ? wallets[i]->str().c_str() : "nothing yet");
  }

  // In key order, over one snapshot.
  dictsqlite::Scan scan = db.scan({.prefix = "wallet:"});
  while (std::optional<dictsqlite::Row> row = co_await scan.next_async()) {
    std::printf("scanned %s = %s\n", row->key.c_str(), row->value.c_str());
  }
  co_return scan.status();
}
// [/readme:tour]

// [readme:scope]
// Thousands of coroutines at once, and one place to wait for them.
dictsqlite::Task<void> count_visit(dictsqlite::Database& db, int room, std::atomic<int>& failures) {
  const std::string key = "room:" + std::to_string(room);
  const absl::StatusOr<dictsqlite::Value> before = co_await db.get_async(key);
  absl::Status status = absl::IsNotFound(before.status()) ? absl::OkStatus() : before.status();
  if (status.ok()) {
    const int visits = before.ok() ? std::atoi(before->str().c_str()) : 0;
    status = co_await db.set_async(key, std::to_string(visits + 1));
  }
  if (!status.ok()) ++failures;
}

int count_visits(dictsqlite::Database& db, int rooms) {
  std::atomic<int> failures = 0;
  dictsqlite::TaskScope scope;
  for (int room = 0; room < rooms; ++room) scope.spawn(count_visit(db, room, failures));
  scope.join();
  return failures;
}
// [/readme:scope]

int fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const path = argc > 1 ? argv[1] : "quickstart.db";

  // [readme:main]
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open({.path = path});
  if (!db.ok()) return fail("open", db.status());

  absl::Status status = dictsqlite::sync_wait(play(*db));
  if (!status.ok()) return fail("play", status);

  if (count_visits(*db, 5000) != 0) return fail("count_visits", absl::UnknownError("some visits were not counted"));

  status = db->flush();  // everything is in the SQLite file now, proof against a power cut
  if (!status.ok()) return fail("flush", status);
  status = db->close();  // waits for everything and says what could not be written
  if (!status.ok()) return fail("close", status);
  // [/readme:main]

  std::printf("look into it: sqlite3 %s \"select key, value from main limit 10\"\n", path);
  return 0;
}
