// Goal: everything that io_backend.hpp promises, for every implementation and every way to set it up. Method: the same
// tests over each. No sleep decides a race: a lost wake-up shows as a wait() that only its safety deadline ends.
#include "io/file_access.hpp"
#include "io/io_backend.hpp"
#include "io/request_limits.hpp"
#include "io/threads_backend.hpp"
#include "support/temporary_directory.hpp"
#include "unit/io/scratch.hpp"
#if DICTSQLITE_HAVE_URING
#include "io/uring_backend.hpp"
#endif

#include <gtest/gtest.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {
std::atomic<bool> counts_allocations{false};
std::atomic<int> allocations{0};
}  // namespace

// noinline: GCC takes an inlined free() of these for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (counts_allocations.load()) {
    ++allocations;
  }
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return operator new(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace dictsqlite::io {
namespace {

using std::chrono::milliseconds;

struct Implementation {
  const char* label;
  std::string_view name;
  std::function<std::unique_ptr<IoBackend>()> open;
};

template <class T>
std::unique_ptr<IoBackend> opened(absl::StatusOr<std::unique_ptr<T>> backend) {
  EXPECT_TRUE(backend.ok()) << backend.status();
  return backend.ok() ? *std::move(backend) : nullptr;
}

std::vector<Implementation> implementations() {
  std::vector<Implementation> all = {{"threads", "threads", [] { return opened(ThreadsBackend::open()); }}};
#if DICTSQLITE_HAVE_URING
  // Where io_uring is forbidden, io_backend_test.cpp says what must happen instead.
  if (UringBackend::open().ok()) {
    using Setup = UringBackend::Setup;
    all.push_back({"uring", "uring", [] { return opened(UringBackend::open()); }});
    all.push_back({"uring_cooperative", "uring", [] { return opened(UringBackend::open(Setup::kCooperative)); }});
    all.push_back({"uring_plain", "uring", [] { return opened(UringBackend::open(Setup::kPlain)); }});
  }
#endif
  return all;
}

// Longer than any scheduler keeps a runnable thread waiting: a wait() of this length has lost its wake.
constexpr base::Nanoseconds kLostAfter = std::chrono::seconds(30);

base::Instant now() { return base::SteadyClock().now(); }

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

class IoBackendContract : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override { ASSERT_NE(backend_, nullptr); }

  // Waits until `count` requests have completed: tag → result, each tag once.
  std::map<std::uint64_t, std::int64_t> collect(std::size_t count) {
    std::map<std::uint64_t, std::int64_t> results;
    std::array<IoCompletion, 8> out;
    while (results.size() < count) {
      const std::size_t got = backend_->wait(base::kNever, out);
      for (const IoCompletion& completion : std::span(out).first(got)) {
        EXPECT_TRUE(results.emplace(completion.tag, completion.result).second) << "twice: " << completion.tag;
      }
    }
    return results;
  }

  std::int64_t result_of_write(int fd, const std::string& text, std::uint64_t offset) {
    backend_->submit_write(fd, bytes_of(text), offset, 1);
    return collect(1).at(1);
  }

  std::int64_t result_of_sync(int fd) {
    backend_->submit_data_sync(fd, 1);
    return collect(1).at(1);
  }

  std::unique_ptr<IoBackend> backend_ = GetParam().open();
};

INSTANTIATE_TEST_SUITE_P(All, IoBackendContract, testing::ValuesIn(implementations()),
                         [](const testing::TestParamInfo<Implementation>& parameter) {
                           return std::string(parameter.param.label);
                         });

TEST_P(IoBackendContract, SaysItsName) { EXPECT_EQ(backend_->name(), GetParam().name); }

// Sleeping.

TEST_P(IoBackendContract, WakeBeforeWaitEndsIt) {
  std::array<IoCompletion, 1> out;
  backend_->wake();
  EXPECT_EQ(backend_->wait(base::kNever, out), 0u);
}

TEST_P(IoBackendContract, ManyWakesBeforeWaitEndItAndAreConsumed) {
  std::array<IoCompletion, 1> out;
  for (int round = 0; round < 100; ++round) {
    for (int wakes = 0; wakes < 50; ++wakes) {
      backend_->wake();
    }
    EXPECT_EQ(backend_->wait(base::kNever, out), 0u);
  }
}

TEST_P(IoBackendContract, PollDoesNotSwallowAWake) {
  std::array<IoCompletion, 1> out;
  backend_->wait(now(), out);  // from here on a wake is a completion that poll() meets
  backend_->wake();
  for (int polls = 0; polls < 100; ++polls) {
    EXPECT_EQ(backend_->poll(out), 0u);
  }
  EXPECT_EQ(backend_->wait(base::kNever, out), 0u);
}

TEST_P(IoBackendContract, DeadlineEndsTheWait) {
  std::array<IoCompletion, 1> out;
  const base::Instant deadline = now() + milliseconds(20);
  int waits = 0;
  do {
    EXPECT_EQ(backend_->wait(deadline, out), 0u);
    ++waits;
  } while (now() < deadline);
  EXPECT_LE(waits, 5) << "it sleeps, it does not spin";
}

TEST_P(IoBackendContract, DeadlineAfterAConsumedWakeEndsTheWait) {
  std::array<IoCompletion, 1> out;
  backend_->wake();
  backend_->wait(base::kNever, out);
  const base::Instant deadline = now() + milliseconds(10);
  int waits = 0;
  do {
    EXPECT_EQ(backend_->wait(deadline, out), 0u);
    ++waits;
  } while (now() < deadline);
  EXPECT_LE(waits, 5) << "the consumed wake does not come back";
}

TEST_P(IoBackendContract, PassedDeadlineEndsTheWaitAtOnce) {
  std::array<IoCompletion, 1> out;
  EXPECT_EQ(backend_->wait(now() - milliseconds(5), out), 0u);
  EXPECT_EQ(backend_->wait(base::Instant::zero(), out), 0u);
  EXPECT_EQ(backend_->wait(base::Instant::min() / 2, out), 0u);
}

// Every ping is answered before the next: a wake that is lost leaves the loop asleep until its safety deadline.
TEST_P(IoBackendContract, NoWakeFromAnotherThreadIsLostInPingPong) {
  constexpr int kRounds = 20'000;  // fewer where a busy machine lets the threads take turns slowly
  const base::Instant end = now() + std::chrono::seconds(2);
  std::atomic<int> pings{0};
  std::atomic<int> answers{0};
  std::atomic<bool> done{false};
  std::thread other([&] {
    for (int round = 1; round <= kRounds && now() < end; ++round) {
      pings.store(round);
      backend_->wake();
      while (answers.load() < round) {
        std::this_thread::yield();
      }
    }
    done.store(true);
    backend_->wake();
  });
  std::array<IoCompletion, 1> out;
  for (;;) {
    const bool was_done = done.load();
    const int seen = pings.load();
    if (seen > answers.load()) {
      answers.store(seen);
      continue;
    }
    if (was_done) {
      break;
    }
    const base::Instant safety = now() + kLostAfter;
    EXPECT_EQ(backend_->wait(safety, out), 0u);
    if (now() >= safety && (pings.load() > seen || done.load())) {
      ADD_FAILURE() << "a wake was lost after ping " << seen;
    }
  }
  EXPECT_GT(answers.load(), 0);
  other.join();
}

// Wakes race with the loop going to sleep, waking and polling.
TEST_P(IoBackendContract, NoWakeOfSeveralThreadsIsLost) {
  constexpr int kThreads = 3;
  constexpr int kItems = 10'000;
  std::atomic<int> items{0};
  std::vector<std::thread> producers;
  for (int thread = 0; thread < kThreads; ++thread) {
    producers.emplace_back([&] {
      for (int item = 0; item < kItems; ++item) {
        items.fetch_add(1);
        backend_->wake();
      }
    });
  }
  std::array<IoCompletion, 1> out;
  for (int round = 0; items.load() < kThreads * kItems; ++round) {
    if (round % 3 == 0) {
      EXPECT_EQ(backend_->poll(out), 0u);
    }
    const int seen = items.load();
    if (seen == kThreads * kItems) break;
    const base::Instant safety = now() + kLostAfter;
    EXPECT_EQ(backend_->wait(safety, out), 0u);
    if (now() >= safety && items.load() > seen) {
      ADD_FAILURE() << "a wake was lost at " << seen;
      break;
    }
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
}

// Requests.

TEST_P(IoBackendContract, WritesTheBytesWhereTheyBelong) {
  const UnnamedFile file;
  EXPECT_EQ(result_of_write(file.fd(), "world", 5), 5);
  EXPECT_EQ(result_of_write(file.fd(), "hello", 0), 5);
  EXPECT_EQ(file.read(100), "helloworld");
}

TEST_P(IoBackendContract, WritesBeyondFourGibibytes) {
  const UnnamedFile file;
  const off_t offset = off_t{5} << 30;
  EXPECT_EQ(result_of_write(file.fd(), "far", static_cast<std::uint64_t>(offset)), 3);
  EXPECT_EQ(file.read(3, offset), "far");
}

TEST_P(IoBackendContract, SyncsAFile) {
  const UnnamedFile file;
  EXPECT_EQ(result_of_write(file.fd(), "durable", 0), 7);
  EXPECT_EQ(result_of_sync(file.fd()), 0);
}

TEST_P(IoBackendContract, SyncsADirectoryInFull) {
  const int directory = open(testing::TempDir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  backend_->submit_full_sync(directory, 1);
  EXPECT_EQ(collect(1).at(1), 0);
  close(directory);
  backend_->submit_full_sync(-1, 1);
  EXPECT_EQ(collect(1).at(1), -EBADF);
}

TEST_P(IoBackendContract, WritesDurablyWhereTheBytesBelong) {
  const UnnamedFile file;
  const std::string text = "durable";
  backend_->submit_durable_write(file.fd(), bytes_of(text), 3, 1);
  EXPECT_EQ(collect(1).at(1), 7);
  EXPECT_EQ(file.read(100, 3), "durable");
  backend_->submit_durable_write(-1, bytes_of(text), 0, 1);
  EXPECT_EQ(collect(1).at(1), -EBADF);
}

TEST_P(IoBackendContract, SeveralDurableWritesFlyPastThePageCache) {
  const testing_support::TemporaryDirectory directory;
  const std::unique_ptr<FileAccess> files = make_kernel_files();
  absl::StatusOr<int> fd = files->create_file(directory.file("direct"), FileCaching::kDirect);
  // Where there is no direct I/O, one at a time.
  const bool is_direct = !absl::IsUnimplemented(fd.status());
  if (!is_direct) fd = files->create_file(directory.file("direct"), FileCaching::kCached);
  ASSERT_TRUE(fd.ok()) << fd.status();
  constexpr std::size_t kUnit = 4096;
  alignas(kUnit) static std::array<std::byte, 8 * kUnit> memory;
  for (std::size_t unit = 0; unit < 8; ++unit) {
    const std::span<std::byte> bytes = std::span(memory).subspan(unit * kUnit, kUnit);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>('a' + unit));
    backend_->submit_durable_write(*fd, bytes, unit * kUnit, unit);
    if (!is_direct) {
      EXPECT_EQ(collect(1).at(unit), static_cast<std::int64_t>(kUnit));
    }
  }
  if (is_direct) {
    for (const auto& [tag, result] : collect(8)) EXPECT_EQ(result, static_cast<std::int64_t>(kUnit)) << tag;
  }
  std::array<std::byte, 8 * kUnit> read{};
  const absl::StatusOr<int> reader = files->open_file(directory.file("direct"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(*files->read(*reader, 0, read), read.size());
  EXPECT_TRUE(read == memory);
  files->close_file(*reader);
  files->close_file(*fd);
}

TEST_P(IoBackendContract, HandsBackEveryTagUnchanged) {
  const UnnamedFile file;
  const std::string text = "x";
  const std::vector<std::uint64_t> tags = {0, 1, 63, 64, 65, ~std::uint64_t{0}, std::uint64_t{1} << 63};
  for (const std::uint64_t tag : tags) {
    backend_->submit_write(file.fd(), bytes_of(text), 0, tag);
  }
  const std::map<std::uint64_t, std::int64_t> results = collect(tags.size());
  for (const std::uint64_t tag : tags) {
    EXPECT_EQ(results.at(tag), 1);
  }
}

TEST_P(IoBackendContract, AnEmptyWriteCompletesWithZero) {
  const UnnamedFile file;
  EXPECT_EQ(result_of_write(file.fd(), "", 0), 0);
}

TEST_P(IoBackendContract, TakesAsManyRequestsAsItPromisesAgainAndAgain) {
  const UnnamedFile file;
  const std::string text = "abcdefgh";
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
      backend_->submit_write(file.fd(), bytes_of(text), tag * text.size(), tag);
    }
    const std::map<std::uint64_t, std::int64_t> results = collect(kRequestsMax);
    for (const auto& [tag, result] : results) {
      EXPECT_LT(tag, kRequestsMax);
      EXPECT_EQ(result, 8);
    }
  }
  EXPECT_EQ(file.read(kRequestsMax * 8 + 1).size(), kRequestsMax * 8);
}

TEST_P(IoBackendContract, WaitDoesNotSleepWhileACompletionIsLeft) {
  const UnnamedFile file;
  const std::string text = "x";
  constexpr std::size_t kCount = 10;
  for (std::uint64_t tag = 0; tag < kCount; ++tag) {
    backend_->submit_write(file.fd(), bytes_of(text), 0, tag);
  }
  std::set<std::uint64_t> tags;
  std::array<IoCompletion, 1> out;  // smaller than what is waiting
  while (tags.size() < kCount) {
    if (backend_->wait(base::kNever, out) == 1) {
      EXPECT_TRUE(tags.insert(out[0].tag).second);
    }
  }
}

TEST_P(IoBackendContract, PollCollectsWithoutWait) {
  const UnnamedFile file;
  const std::string text = "x";
  backend_->submit_write(file.fd(), bytes_of(text), 0, 7);
  std::array<IoCompletion, 4> out;
  std::size_t count = 0;
  while (count == 0) {
    count = backend_->poll(out);
    std::this_thread::yield();
  }
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(out[0].tag, 7u);
  EXPECT_EQ(out[0].result, 1);
}

TEST_P(IoBackendContract, CompletionsAndWakesDoNotHideEachOther) {
  const UnnamedFile file;
  const std::string text = "x";
  for (std::uint64_t round = 0; round < 500; ++round) {
    backend_->submit_write(file.fd(), bytes_of(text), 0, round);
    backend_->wake();
    EXPECT_EQ(collect(1).at(round), 1);
  }
}

TEST_P(IoBackendContract, WakesKeepComingWhileRequestsFly) {
  const UnnamedFile file;
  const std::string text(4096, 'x');
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load()) {
      backend_->wake();
      std::this_thread::yield();
    }
  });
  for (int round = 0; round < 50; ++round) {
    for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
      backend_->submit_write(file.fd(), bytes_of(text), tag * text.size(), tag);
    }
    EXPECT_EQ(collect(kRequestsMax).size(), kRequestsMax);
  }
  stop.store(true);
  other.join();
}

// Errors.

TEST_P(IoBackendContract, BadDescriptorIsEbadf) {
  EXPECT_EQ(result_of_write(-1, "x", 0), -EBADF);
  EXPECT_EQ(result_of_sync(-1), -EBADF);
  EXPECT_EQ(result_of_write(1'000'000, "x", 0), -EBADF);
  EXPECT_EQ(result_of_sync(1'000'000), -EBADF);
}

TEST_P(IoBackendContract, DescriptorOpenForReadingIsEbadf) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(result_of_write(fd, "x", 0), -EBADF);
  close(fd);
}

TEST_P(IoBackendContract, FullDiskIsEnospc) {
  const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(result_of_write(fd, "x", 0), -ENOSPC);
  close(fd);
}

TEST_P(IoBackendContract, WhatCannotBeSyncedIsEinval) {
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  EXPECT_EQ(result_of_sync(channel[1]), -EINVAL);
  close(channel[0]);
  close(channel[1]);
}

TEST_P(IoBackendContract, UnreadableMemoryIsEfault) {
  const UnnamedFile file;
  const std::span<const std::byte> nowhere(reinterpret_cast<const std::byte*>(8), 16);
  backend_->submit_write(file.fd(), nowhere, 0, 1);
  EXPECT_EQ(collect(1).at(1), -EFAULT);
}

TEST_P(IoBackendContract, ReportsAShortWriteAsItIs) {
  // A file size limit cuts the write short; the limit is the process's, so this happens in a child.
  const Implementation implementation = GetParam();
  backend_.reset();  // fork with one thread
  const std::string told = told_by_child([&]() -> std::string {
    const UnnamedFile file;
    signal(SIGXFSZ, SIG_IGN);
    lower_limit(RLIMIT_FSIZE, 6000);
    const std::string text(8192, 'x');
    std::string results;
    const std::unique_ptr<IoBackend> backend = implementation.open();
    for (const std::uint64_t offset : {0u, 6000u}) {
      backend->submit_write(file.fd(), bytes_of(text), offset, 1);
      std::array<IoCompletion, 1> out;
      while (backend->wait(base::kNever, out) == 0) {
      }
      results += std::to_string(out[0].result) + " ";
    }
    return results;
  });
  EXPECT_EQ(told, "6000 " + std::to_string(-EFBIG) + " ");
}

TEST_P(IoBackendContract, OneErrorDoesNotStopTheOthers) {
  const UnnamedFile file;
  const std::string text = "x";
  for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
    backend_->submit_write(tag % 2 == 0 ? -1 : file.fd(), bytes_of(text), 0, tag);
  }
  for (const auto& [tag, result] : collect(kRequestsMax)) {
    EXPECT_EQ(result, tag % 2 == 0 ? -EBADF : 1);
  }
}

// Life cycle.

TEST_P(IoBackendContract, DestructorWaitsForWhatIsInFlight) {
  const UnnamedFile file;
  constexpr std::size_t kBytes = 256 * 1024;
  std::vector<std::string> buffers;
  for (std::size_t index = 0; index < kRequestsMax - 1; ++index) {
    buffers.emplace_back(kBytes, static_cast<char>('0' + index));
    backend_->submit_write(file.fd(), bytes_of(buffers.back()), index * kBytes, index);
  }
  backend_->submit_data_sync(file.fd(), 99);
  backend_.reset();
  for (std::string& buffer : buffers) {
    std::fill(buffer.begin(), buffer.end(), '!');  // ours again: nobody reads it any more
  }
  for (std::size_t index = 0; index < buffers.size(); ++index) {
    const std::string expected(kBytes, static_cast<char>('0' + index));
    EXPECT_TRUE(file.read(kBytes, static_cast<off_t>(index * kBytes)) == expected) << index;
  }
}

TEST_P(IoBackendContract, DestructorDropsWhatWasNotCollected) {
  const UnnamedFile file;
  const std::string text = "x";
  for (std::uint64_t tag = 0; tag < kRequestsMax; ++tag) {
    backend_->submit_write(file.fd(), bytes_of(text), 0, tag);
  }
  std::array<IoCompletion, 1> out;
  while (backend_->wait(base::kNever, out) == 0) {
  }
  backend_->wake();
  backend_.reset();
}

TEST_P(IoBackendContract, OpensAndClosesManyTimes) {
  const UnnamedFile file;
  const std::string text = "x";
  backend_.reset();
  for (int round = 0; round < 50; ++round) {
    const std::unique_ptr<IoBackend> backend = GetParam().open();
    ASSERT_NE(backend, nullptr);
    backend->submit_write(file.fd(), bytes_of(text), 0, 1);
    if (round % 2 == 0) {
      std::array<IoCompletion, 1> out;
      backend->wait(now(), out);
    }
  }
}

TEST_P(IoBackendContract, OnceFinishedItOutlivesItsThread) {
  const UnnamedFile file;
  const std::string text = "finished";
  std::unique_ptr<IoBackend> backend;
  std::thread([&] {
    backend = GetParam().open();
    std::array<IoCompletion, 1> out;
    backend->wait(now(), out);
    backend->submit_write(file.fd(), bytes_of(text), 0, 1);
    backend->submit_data_sync(file.fd(), 2);
    backend->finish();
  }).join();
  EXPECT_EQ(file.read(100), "finished");
  backend->wake();  // a ringer that comes late
  backend.reset();
}

TEST_P(IoBackendContract, OnceFinishedItIsDestroyedByAnyThread) {
  for (int round = 0; round < 20; ++round) {
    std::array<IoCompletion, 1> out;
    backend_->wait(now(), out);
    if (round % 2 == 0) {
      backend_->wake();
    }
    backend_->finish();
    std::thread([this] {
      backend_->wake();
      backend_.reset();
    }).join();
    backend_ = GetParam().open();
  }
}

std::set<int> open_descriptors() {
  std::set<int> descriptors;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (fd > 0 && fd != dirfd(directory)) {
      descriptors.insert(fd);
    }
  }
  closedir(directory);
  return descriptors;
}

TEST_P(IoBackendContract, DescriptorsAreCloseOnExecAndClosedAtTheEnd) {
  backend_.reset();
  const std::set<int> before = open_descriptors();
  backend_ = GetParam().open();
  for (const int fd : open_descriptors()) {
    if (!before.contains(fd)) {
      EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
    }
  }
  backend_.reset();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(IoBackendContract, AllocatesNothingAfterOpening) {
  const UnnamedFile file;
  const std::string text = "x";
  std::array<IoCompletion, kRequestsMax> out;
  allocations = 0;
  counts_allocations = true;
  for (int round = 0; round < 10; ++round) {
    for (std::uint64_t tag = 0; tag < kRequestsMax - 1; ++tag) {
      backend_->submit_write(file.fd(), bytes_of(text), 0, tag);
    }
    backend_->submit_data_sync(file.fd(), 100);
    backend_->wake();
    std::size_t count = 0;
    while (count < kRequestsMax) {
      count += backend_->wait(now() + milliseconds(100), out);
      count += backend_->poll(out);
    }
  }
  counts_allocations = false;
  EXPECT_EQ(allocations.load(), 0);
}

using IoBackendContractDeathTest = IoBackendContract;
INSTANTIATE_TEST_SUITE_P(All, IoBackendContractDeathTest, testing::ValuesIn(implementations()),
                         [](const testing::TestParamInfo<Implementation>& parameter) {
                           return std::string(parameter.param.label);
                         });

TEST_P(IoBackendContractDeathTest, OneRequestTooManyIsOurMistake) {
  const Implementation implementation = GetParam();
  backend_.reset();  // a death test forks, which wants one thread
  EXPECT_DEATH(
      {
        const std::unique_ptr<IoBackend> backend = implementation.open();
        for (std::uint64_t tag = 0; tag <= kRequestsMax; ++tag) {
          backend->submit_data_sync(-1, tag);
        }
      },
      "bounds its requests in flight");
}

}  // namespace
}  // namespace dictsqlite::io
