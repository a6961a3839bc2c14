// Goal: a program outside the tree compiles, links and runs with nothing but what users are given.
// Method: opens a database, writes, reads and closes; built by each consumer project of this directory, once more with
// -fno-exceptions -fno-rtti.
#include <dictsqlite/dictsqlite.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

dictsqlite::Task<bool> use(dictsqlite::Database& db) {
  if (!(co_await db.set_async("player:1", "hello", {.ack = dictsqlite::Ack::kDurable})).ok()) co_return false;
  const absl::StatusOr<dictsqlite::Value> value = co_await db.get_async("player:1");
  if (!value.ok() || !(*value == "hello")) co_return false;
  co_return (co_await db.flush_async()).ok();
}

}  // namespace

int main() {
  char directory[] = "/tmp/dictsqlite-package-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const std::string path = std::string(directory) + "/world.db";
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open({.path = path});
  if (!db.ok()) {
    std::fprintf(stderr, "%s\n", db.status().ToString().c_str());
    return 1;
  }
  const bool worked = dictsqlite::sync_wait(use(*db)) && db->close().ok();
  std::remove(path.c_str());
  std::remove(directory);
  std::puts(worked ? "dictsqlite works" : "dictsqlite does not work");
  return worked ? 0 : 1;
}
