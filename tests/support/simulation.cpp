#include "support/simulation.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <unistd.h>

namespace dictsqlite::testing_support {

namespace {

// What a step costs in simulated time, so that time also passes while somebody is always busy.
constexpr base::Nanoseconds kStep{1000};

}  // namespace

// Requests take a time drawn from the seed; the work itself is done at once.
class Simulation::Backend final : public io::IoBackend {
 public:
  explicit Backend(Simulation& simulation) : simulation_(simulation) {}

  void finish() noexcept override {
    for (const Request& request : requests_) {
      if (request.on_disk) static_cast<void>(disk()->end(*request.on_disk));
    }
    requests_.clear();
  }
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override {
    if (disk() != nullptr) return add_request(tag, disk()->begin_sync(fd, false));
    add(tag, ::fdatasync(fd) == 0 ? 0 : -errno);
  }
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override {
    if (disk() != nullptr) return add_request(tag, disk()->begin_sync(fd, true));
    add(tag, ::fsync(fd) == 0 ? 0 : -errno);
  }
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override {
    if (disk() != nullptr) return add_request(tag, disk()->begin_write(fd, bytes, offset, true));
    submit_write(fd, bytes, offset, tag);  // these files lose no power
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    if (disk() != nullptr) return add_request(tag, disk()->begin_write(fd, bytes, offset, false));
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    add(tag, written >= 0 ? written : -errno);
  }
  std::size_t wait(base::Instant deadline, std::span<io::IoCompletion> out) noexcept override {
    const std::size_t count = poll(out);
    if (count != 0) return count;
    simulation_.wait(woken_, 0, std::min(deadline, next_due()));
    woken_ = 0;
    return poll(out);
  }
  std::size_t poll(std::span<io::IoCompletion> out) noexcept override {
    const base::Instant now = simulation_.now();
    std::size_t count = 0;
    for (std::size_t index = 0; index < requests_.size() && count < out.size();) {
      if (requests_[index].due > now) {
        ++index;
        continue;
      }
      io::IoCompletion& completion = out[count++];
      completion = requests_[index].completion;
      if (requests_[index].on_disk) completion.result = disk()->end(*requests_[index].on_disk);
      requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    return count;
  }
  void wake() noexcept override {
    woken_ = 1;
    simulation_.wake_one(&woken_);
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }

 private:
  struct Request {
    base::Instant due;
    io::IoCompletion completion;
    std::optional<SimulatedDisk::Request> on_disk{};
  };
  [[nodiscard]] SimulatedDisk* disk() const noexcept { return simulation_.disk_; }
  void add_request(std::uint64_t tag, SimulatedDisk::Request request) {
    add(tag, 0);
    requests_.back().on_disk = request;
  }
  void add(std::uint64_t tag, std::int64_t result) {
    requests_.push_back({simulation_.now() + simulation_.latency(), {tag, result}});
  }
  [[nodiscard]] base::Instant next_due() const noexcept {
    base::Instant next = base::kNever;
    for (const Request& request : requests_) next = std::min(next, request.due);
    return next;
  }

  Simulation& simulation_;
  std::atomic<std::uint32_t> woken_{0};
  std::vector<Request> requests_;
};

Simulation::Simulation(std::uint64_t seed) : random_(seed) {
  participants_.emplace_back().name = "test";
  running_ = &participants_.front();
}

Simulation::~Simulation() = default;

detail::Surroundings Simulation::surroundings() noexcept {
  return {.clock = *this,
          .threads = *this,
          .backend = {this, [](void* simulation, io::BackendChoice /*choice*/, const std::string& /*directory*/) {
                        io::OpenedBackend opened;
                        opened.backend = std::make_unique<Backend>(*static_cast<Simulation*>(simulation));
                        return absl::StatusOr<io::OpenedBackend>(std::move(opened));
                      }}};
}

detail::Surroundings Simulation::surroundings(SimulatedDisk& disk, const std::string& vfs_name) noexcept {
  disk_ = &disk;
  detail::Surroundings around = surroundings();
  around.files = &disk;
  around.vfs_name = vfs_name;
  return around;
}

std::size_t Simulation::turns_of(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(turns_.begin(), turns_.end(), [&](std::uint8_t turn) { return participants_[turn].name == name; }));
}

void Simulation::sleep(base::Nanoseconds time) noexcept {
  const std::atomic<std::uint32_t> nothing{0};
  wait(nothing, 0, now() + time);
}

base::Instant Simulation::now() const noexcept {
  const Lock lock(mutex_);
  return now_;
}

base::Nanoseconds Simulation::latency() noexcept {
  const Lock lock(mutex_);
  return base::Nanoseconds(20'000 + random_.below(300'000));
}

// --- taking turns ---

void Simulation::choose_next() noexcept {
  for (;;) {
    std::vector<std::uint8_t> ready;
    for (std::size_t index = 0; index < participants_.size(); ++index) {
      if (participants_[index].state == State::kReady) ready.push_back(static_cast<std::uint8_t>(index));
    }
    if (!ready.empty()) {
      const std::uint8_t next = ready[random_.below(ready.size())];
      turns_.push_back(next);
      running_ = &participants_[next];
      running_->turn.notify_one();
      return;
    }
    let_time_pass();
  }
}

// Everybody waits: on to the first deadline.
void Simulation::let_time_pass() noexcept {
  base::Instant first = base::kNever;
  for (const Participant& each : participants_) {
    if (each.state == State::kWaiting) first = std::min(first, each.deadline);
  }
  if (first == base::kNever) {
    std::fputs("simulation: everybody waits and nobody will wake them\n", stderr);
    for (const Participant& each : participants_) {
      std::fprintf(stderr, "  %s %s\n", each.name.c_str(), each.state == State::kEnded ? "has ended" : "waits");
    }
    std::abort();
  }
  now_ = std::max(now_, first);
  for (Participant& each : participants_) {
    if (each.state != State::kWaiting || each.deadline > now_) continue;
    each.state = State::kReady;
    each.timed_out = true;
  }
}

void Simulation::pass_turn(Lock& lock, Participant& self) noexcept {
  now_ += kStep;
  choose_next();
  self.turn.wait(lock, [&] { return running_ == &self; });
}

bool Simulation::wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept {
  Lock lock(mutex_);
  if (word.load(std::memory_order_seq_cst) != expected) return true;
  if (deadline <= now_) return false;
  Participant& self = current();
  self.state = State::kWaiting;
  self.word = &word;
  self.deadline = deadline;
  self.timed_out = false;
  pass_turn(lock, self);
  return !self.timed_out;
}

void Simulation::wake_one(const std::atomic<std::uint32_t>* word) noexcept {
  Lock lock(mutex_);
  for (Participant& each : participants_) {
    if (each.state != State::kWaiting || each.word != word) continue;
    each.state = State::kReady;
    break;
  }
  pass_turn(lock, current());  // perhaps to itself
}

// --- threads ---

// The last one of that name: a database may be opened again.
Simulation::Participant& Simulation::named(std::string_view name) noexcept {
  const auto found = std::find_if(participants_.rbegin(), participants_.rend(),
                                  [&](const Participant& each) { return each.name == name; });
  if (found == participants_.rend()) std::abort();
  return *found;
}

void Simulation::thread_starts(const char* name) noexcept {
  const Lock lock(mutex_);
  participants_.emplace_back().name = name;
}

void Simulation::thread_refused(const char* name) noexcept {
  const Lock lock(mutex_);
  named(name).state = State::kEnded;
}

void Simulation::thread_begins(const char* name) noexcept {
  Lock lock(mutex_);
  Participant& self = named(name);
  self.turn.wait(lock, [&] { return running_ == &self; });
}

void Simulation::thread_ends(const char* name) noexcept {
  const Lock lock(mutex_);
  Participant& self = named(name);
  self.state = State::kEnded;
  for (Participant& each : participants_) {
    if (each.state == State::kWaiting && each.word == &self) each.state = State::kReady;
  }
  choose_next();
}

void Simulation::joins(const char* name) noexcept {
  Lock lock(mutex_);
  Participant& other = named(name);
  if (other.state == State::kEnded) return;
  Participant& self = current();
  self.state = State::kWaiting;
  self.word = &other;
  self.deadline = base::kNever;
  pass_turn(lock, self);
}

}  // namespace dictsqlite::testing_support
