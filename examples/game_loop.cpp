// What does saving cost a game? A loop of 60 frames a second moves 10,000 entities, and saves each of them once a
// second: a 60th of them in each frame. The same loop runs without saving, in turn; then the times that frames took are
// compared, and what was saved is read back. Usage: game_loop [DATABASE [SECONDS]]
//
// All game code runs on the main thread: what had to wait goes on inside ManualExecutor::poll(), which is given a time
// to stay within. CMakeLists.txt compiles this file with -fno-exceptions -fno-rtti.
#include <dictsqlite/dictsqlite.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::size_t kEntities = 10'000;
constexpr std::size_t kFramesPerSecond = 60;
constexpr Clock::duration kFrameTime = std::chrono::nanoseconds(1'000'000'000 / kFramesPerSecond);
constexpr std::size_t kPollItemsMax = 1'000;
constexpr std::chrono::microseconds kPollBudget{500};

struct Entity {
  float position[3];
  float velocity[3];
  float health;
  std::uint32_t inventory[18];
};
static_assert(sizeof(Entity) == 100);

struct World {
  std::vector<Entity> entities{kEntities};
  absl::Status error;  // the first one

  void move() {
    for (Entity& entity : entities) {
      for (int axis = 0; axis < 3; ++axis) {
        entity.position[axis] += entity.velocity[axis] / kFramesPerSecond;
        if (std::fabs(entity.position[axis]) > 1000) entity.velocity[axis] = -entity.velocity[axis];
      }
      ++entity.inventory[0];  // no state is like the one before
    }
  }
};

World make_world() {
  World world;
  for (std::size_t index = 0; index < kEntities; ++index) {
    Entity& entity = world.entities[index];
    for (std::size_t axis = 0; axis < 3; ++axis) {
      entity.velocity[axis] = static_cast<float>((index * 7 + axis * 3) % 200) - 100;
    }
  }
  return world;
}

std::string key_of(std::size_t entity) { return "entity:" + std::to_string(entity); }
std::string_view bytes_of(const Entity& entity) { return {reinterpret_cast<const char*>(&entity), sizeof entity}; }

// [readme:save]
// Saves every 60th entity, another one in each frame. Each is accepted at once; if ever there is no room, this goes on
// in one of the next frames instead of holding up this one.
dictsqlite::Task<void> save_some(dictsqlite::Database& db, World& world, std::size_t frame) {
  for (std::size_t entity = frame % kFramesPerSecond; entity < kEntities; entity += kFramesPerSecond) {
    world.error.Update(co_await db.set_async(key_of(entity), bytes_of(world.entities[entity])));
  }
}
// [/readme:save]

// Runs so many frames and notes how long each of them worked.
void play(dictsqlite::Database* db, World& world, std::size_t frames, std::vector<double>& worked_us) {
  dictsqlite::ManualExecutor frame_work;
  dictsqlite::TaskScope scope;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const Clock::time_point start = Clock::now();
    world.move();
    if (db != nullptr) scope.spawn(frame_work.executor(), save_some(*db, world, frame));
    frame_work.poll(kPollItemsMax, kPollBudget);
    worked_us.push_back(Microseconds(Clock::now() - start).count());
    std::this_thread::sleep_until(start + kFrameTime);  // until the next picture is due
  }
  while (scope.running() != 0) {
    if (frame_work.poll() == 0) std::this_thread::yield();
  }
}

struct Times {
  double median, p99, worst;
};
Times print(const char* what, std::vector<double>& worked_us) {
  std::sort(worked_us.begin(), worked_us.end());
  const std::size_t last = worked_us.size() - 1;
  const Times times{worked_us[last / 2], worked_us[last * 99 / 100], worked_us[last]};
  std::printf("%-16s %6zu frames; work in one of them: p50 %6.1f us, p99 %6.1f us, worst %6.1f us\n", what,
              worked_us.size(), times.median, times.p99, times.worst);
  return times;
}

// Whether every entity is in the file as it was saved last: the world has not moved since the last frame.
absl::Status read_back(dictsqlite::Database& db, const World& world) {
  std::size_t last_frame = 0;
  for (std::size_t entity = 0; entity < kEntities; ++entity) {
    const absl::StatusOr<dictsqlite::Value> saved = db.get(key_of(entity));
    if (!saved.ok()) return saved.status();
    if (saved->size() != sizeof(Entity)) return absl::DataLossError("an entity has another size");
    Entity read;
    std::memcpy(&read, saved->data(), sizeof read);
    const std::uint32_t behind = world.entities[entity].inventory[0] - read.inventory[0];
    if (behind >= kFramesPerSecond) return absl::DataLossError("an entity is older than a second");
    last_frame += behind == 0 ? 1 : 0;
  }
  return last_frame != 0 ? absl::OkStatus() : absl::DataLossError("nothing is from the last frame");
}

int report(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "game_loop.db";
  const int seconds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  dictsqlite::Options options;
  options.path = path;
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open(options);
  if (!db.ok()) return report("open", db.status());

  World world = make_world();
  std::vector<double> without;
  std::vector<double> with;
  for (int second = 0; second < seconds; ++second) {
    play(nullptr, world, kFramesPerSecond, without);
    play(&*db, world, kFramesPerSecond, with);
  }
  if (!world.error.ok()) return report("saving", world.error);
  if (const absl::Status closed = db->close(); !closed.ok()) return report("close", closed);

  absl::StatusOr<dictsqlite::Database> again = dictsqlite::Database::open(options);
  if (!again.ok()) return report("open again", again.status());
  if (const absl::Status read = read_back(*again, world); !read.ok()) return report("read back", read);

  const Times before = print("without saving:", without);
  const Times after = print("saving:", with);
  std::printf("saving %zu entities once a second adds %.1f us to the median frame; all of them were read back\n",
              kEntities, after.median - before.median);
  return 0;
}
