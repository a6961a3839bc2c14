// A game's main loop over a dictionary that never makes it wait. Usage: frame_loop [DATABASE]
//
// All game code runs on the main thread: coroutines and callbacks resume inside ManualExecutor::poll(), which is given
// a number of items and a time to stay within. No locks, no atomics, no exceptions, no RTTI: CMakeLists.txt compiles
// this file with -fno-exceptions -fno-rtti.
#include <dictsqlite/dictsqlite.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFrames = 240;
constexpr int kChunksPerFrame = 8;
constexpr std::chrono::microseconds kFrameTime{4000};
constexpr std::size_t kPollItemsMax = 256;
constexpr std::chrono::microseconds kPollBudget{1000};
constexpr std::size_t kChunkBytes = 8192;

struct World {
  std::uint64_t generated = 0;  // chunks that nobody had seen before
  std::uint64_t loaded = 0;     // chunks that came from the database
  std::uint64_t saves = 0;      // autosaves that are proof against a power cut
  int saves_under_way = 0;
  absl::Status error;  // the first one
};

// [readme:chunk]
// A coroutine of the game: it begins and resumes on the main thread, so it touches the world without a lock.
dictsqlite::Task<void> enter_chunk(dictsqlite::Database& db, World& world, std::string key) {
  const absl::StatusOr<dictsqlite::Value> chunk = co_await db.get_async(key);
  if (chunk.ok()) {
    ++world.loaded;
  } else if (absl::IsNotFound(chunk.status())) {
    ++world.generated;
    world.error.Update(co_await db.set_async(key, std::string(kChunkBytes, '#')));
  } else {
    world.error.Update(chunk.status());
  }
}
// [/readme:chunk]

// [readme:callback]
// The same without coroutines: start() takes a callback, via() says where it is called.
void autosave(dictsqlite::Database& db, dictsqlite::Executor main_thread, World& world, int frame) {
  ++world.saves_under_way;
  db.set_async("save", "frame " + std::to_string(frame), {.ack = dictsqlite::Ack::kDurable})
      .via(main_thread)
      .start([&world](const absl::Status& status) noexcept {
        --world.saves_under_way;
        if (status.ok()) ++world.saves;
        world.error.Update(status);
      });
}
// [/readme:callback]

// Two walkers cross the same line of chunks, the second one in the footsteps of the first.
std::string chunk_key(int frame, int step) {
  const int chunk = (frame % (kFrames / 2)) * kChunksPerFrame + step;
  return "chunk:" + std::to_string(chunk / 64) + ":" + std::to_string(chunk % 64);
}

int report(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  dictsqlite::Options options;
  options.path = argc > 1 ? argv[1] : "frame_loop.db";
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open(std::move(options));
  if (!db.ok()) return report("open", db.status());

  World world;
  Clock::duration longest{};

  // [readme:frame]
  dictsqlite::ManualExecutor frame_work;
  dictsqlite::TaskScope scope;
  for (int frame = 0; frame < kFrames; ++frame) {
    const Clock::time_point frame_start = Clock::now();
    for (int step = 0; step < kChunksPerFrame; ++step) {
      scope.spawn(frame_work.executor(), enter_chunk(*db, world, chunk_key(frame, step)));
    }
    if (frame % 60 == 0) autosave(*db, frame_work.executor(), world, frame);
    frame_work.poll(kPollItemsMax, kPollBudget);  // whatever is ready goes on here, for a millisecond at most
    longest = std::max(longest, Clock::now() - frame_start);
    std::this_thread::sleep_until(frame_start + kFrameTime);  // the rest of the frame is the game's
  }
  // [/readme:frame]

  // What is still under way ends before the things it uses.
  while (scope.running() != 0 || world.saves_under_way != 0) {
    if (frame_work.poll() == 0) std::this_thread::yield();
  }
  if (!world.error.ok()) return report("frame loop", world.error);
  const absl::Status closed = db->close();
  if (!closed.ok()) return report("close", closed);

  std::printf(
      "%d frames: %llu chunks generated, %llu loaded, %llu autosaves durable; longest time in one frame %lld us\n",
      kFrames, static_cast<unsigned long long>(world.generated), static_cast<unsigned long long>(world.loaded),
      static_cast<unsigned long long>(world.saves),
      static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(longest).count()));
  return 0;
}
