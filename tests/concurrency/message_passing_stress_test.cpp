// Goal: what one thread wrote before it released, another one sees after it acquired, for pairs whose own tests hand
// over atomics only: (TN1), (G6), (W3) (W4), (M1), (F1), (J1), (N2) (N3), (Y1), (Y2), (PK1) (PK2). Method: what is
// handed over is plain memory, and nothing but the pair lies between writing and reading it. x86 keeps that order
// whatever the code asks for, so that the values tell little there; ThreadSanitizer reports the data race as soon as
// one side asks for less.
#include "base/failure.hpp"
#include "base/thread_slot.hpp"
#include "base/watermark.hpp"
#include "cache/reclaimer.hpp"
#include "database/handle_count.hpp"
#include "load/scan_session.hpp"
#include "ring/write_ring.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "task/parker.hpp"
#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::scaled;
using testing_support::StartLine;

// Runs `left` and `right` together, then `between` alone, so many times.
template <class Left, class Right, class Between>
void run_together(std::size_t rounds, Left&& left, Right&& right, Between&& between) {
  StartLine start(2);
  StartLine end(2);
  std::thread other([&] {
    for (std::size_t round = 0; round < rounds; ++round) {
      start.arrive();
      right();
      end.arrive();
    }
  });
  for (std::size_t round = 0; round < rounds; ++round) {
    start.arrive();
    left();
    end.arrive();
    between();
  }
  other.join();
}

TEST(MessagePassing, RoomGivenBackBringsWhatTheConsumerDidInTheSlot) {
  constexpr std::size_t kCapacity = 4;
  constexpr std::size_t kProducers = 2;
  const std::uint64_t last = 1 + kProducers * scaled(100'000);
  ring::WriteRing ring(kCapacity, 1);
  std::array<std::uint64_t, kCapacity> emptied{};  // the ticket that was popped from each slot last
  entry::Entry entry{};
  std::vector<std::thread> producers;
  for (std::size_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&] {
      for (std::size_t count = 0; count < (last - 1) / kProducers;) {
        const ring::Claim claim = ring.try_claim();  // (W4)
        if (claim.outcome != ring::ClaimOutcome::kClaimed) {
          std::this_thread::yield();
          continue;
        }
        const std::uint64_t before = claim.ticket > kCapacity ? claim.ticket - kCapacity : 0;
        EXPECT_EQ(emptied[claim.ticket % kCapacity], before);
        ring.publish(claim.ticket, &entry);
        ++count;
      }
    });
  }
  for (std::uint64_t ticket = 1; ticket < last;) {
    if (ring.pop() == nullptr) {
      std::this_thread::yield();
      continue;
    }
    emptied[ticket % kCapacity] = ticket;
    ring.release_room();  // (W3)
    ++ticket;
  }
  for (std::thread& producer : producers) producer.join();
}

TEST(MessagePassing, AWatermarkBringsWhatHoldsUpToIt) {
  const std::uint64_t last = scaled(200'000);
  base::Watermark watermark;
  std::vector<std::uint64_t> rows(last + 1);
  std::thread writer([&] {
    for (std::uint64_t sequence = 1; sequence <= last; ++sequence) {
      rows[sequence] = sequence;
      watermark.raise(sequence);  // (M1)
    }
  });
  for (std::uint64_t seen = 0; seen < last;) {
    seen = watermark.value();  // (M1)
    ASSERT_EQ(rows[seen], seen);
  }
  writer.join();
}

TEST(MessagePassing, AFailureBringsWhatLedToIt) {
  std::optional<base::Failure> failure(std::in_place);
  const absl::Status status = absl::InternalError("broken");
  int reason = 0;
  run_together(
      scaled(20'000),
      [&] {
        reason = 1;
        failure->set(status);  // (F1)
      },
      [&] {
        while (!failure->failed()) std::this_thread::yield();  // (F1)
        EXPECT_EQ(reason, 1);
      },
      [&] {
        failure.emplace();
        reason = 0;
      });
}

TEST(MessagePassing, ARetiredEntryBringsWhatItsLastUserDid) {
  entry::EntryPool pool(1u << 20);
  cache::Reclaimer reclaimer(pool);
  std::atomic<entry::Entry*> given{nullptr};
  run_together(
      scaled(20'000),
      [&] {
        entry::Entry* const entry = pool.make(entry::EntryKind::kSet, store::kMainTable, "key", "", 0);
        entry::EntryPool::retain(*entry);  // the test's
        given.store(entry, std::memory_order_relaxed);
        entry->expires_at = 1;
        reclaimer.retire(entry);  // (G6), and no guard whose end would order it as well
      },
      [&] {
        entry::Entry* entry = nullptr;
        while ((entry = given.load(std::memory_order_relaxed)) == nullptr) std::this_thread::yield();
        while (entry->references.load(std::memory_order_relaxed) != 1) reclaimer.collect();  // (G6)
        EXPECT_EQ(entry->expires_at, 1);
      },
      [&] { pool.release(given.exchange(nullptr, std::memory_order_relaxed)); });
}

// What a thread wrote under its number the next one with that number sees, though nobody joined the one and started the
// other.
TEST(MessagePassing, WhatAThreadDidUnderItsNumberTheNextOneGoesOnWith) {
  std::array<std::uint64_t, base::kThreadSlots> counts{};  // each changed by whoever has the number
  constexpr std::size_t kCreators = 2;
  const std::size_t threads_each = scaled(4'000);
  std::vector<std::thread> creators;
  for (std::size_t creator = 0; creator < kCreators; ++creator) {
    creators.emplace_back([&] {
      for (std::size_t count = 0; count < threads_each; ++count) {
        std::thread([&] { ++counts[base::thread_slot()]; }).join();  // (TN1)
      }
    });
  }
  for (std::thread& creator : creators) creator.join();
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  EXPECT_EQ(sum, kCreators * threads_each);
}

TEST(MessagePassing, TheLastAnswerOfABatchGetBringsAllOthers) {
  using Batch = detail::Running<BatchGetOperation>;
  detail::BareDatabase database;
  std::optional<Batch> batch;
  std::atomic<bool> is_started{false};
  std::size_t round = 0;
  std::string missing;
  std::string written;
  const auto set_up = [&] {
    ++round;
    missing = "missing" + std::to_string(round);
    written = "written" + std::to_string(round);
    is_started.store(false, std::memory_order_relaxed);
  };
  set_up();
  run_together(
      scaled(10'000),
      [&] {  // whoever starts the round: it answers the second key itself if that has come meanwhile
        const std::vector<std::string_view> keys = {missing, written};
        batch.emplace(BatchGetOperation(database->spread(), keys));  // (J1)
        is_started.store(true, std::memory_order_relaxed);
      },
      [&] {  // the loader, and a writer of the second key
        for (std::size_t delay = round % 256; delay > 0; --delay) base::spin_pause();
        database.know(entry::EntryKind::kSet, written, "value");
        for (bool is_last_look = false; !is_last_look;) {
          is_last_look = is_started.load(std::memory_order_relaxed);
          for (load::Flight* const flight : database.take_flights()) database.land(flight, "value");  // (J1)
        }
      },
      [&] {
        ASSERT_TRUE(batch->is_done());
        for (const absl::StatusOr<Value>& result : batch->result()) EXPECT_EQ(result->view(), "value");
        batch.reset();
        set_up();
      });
}

TEST(MessagePassing, TheLastHandleBringsWhatAllOthersDid) {
  std::optional<detail::HandleCount> count(std::in_place);
  std::array<int, 4> used{};  // by the owner and by each handle
  std::atomic<int> lasts{0};
  const auto end = [&](bool is_last) {
    if (!is_last) return;
    lasts.fetch_add(1, std::memory_order_relaxed);
    for (int& use : used) EXPECT_EQ(use++, 1);
  };
  const auto set_up = [&] {
    count.emplace();
    used = {};
    for (int handle = 0; handle < 3; ++handle) count->retain();
  };
  set_up();
  run_together(
      scaled(20'000),
      [&] {
        used[0] = 1;
        end(count->let_go());  // (N2) (N3)
        used[1] = 1;
        end(count->release());  // (N2) (N3)
      },
      [&] {
        used[2] = 1;
        end(count->release());  // (N2) (N3)
        used[3] = 1;
        end(count->release());  // (N2) (N3)
      },
      [&] {
        EXPECT_EQ(lasts.exchange(0, std::memory_order_relaxed), 1);
        set_up();
      });
}

TEST(MessagePassing, TheLastOwnerOfAScanDestroysWhatTheOtherWrote) {
  auto* session = new ScanNextOperation::State();
  session->retain();
  run_together(
      scaled(50'000),
      [&] {  // the loader
        session->message.push_back('m');
        session->release();  // (Y1)
      },
      [&] {  // the user
        session->last_key.push_back('k');
        session->release();  // (Y1)
      },
      [&] {
        session = new ScanNextOperation::State();
        session->retain();
      });
  session->release();
  session->release();
}

TEST(MessagePassing, ADroppedScanBringsWhatTheUserDidWithIt) {
  std::optional<ScanNextOperation::State> session(std::in_place);
  run_together(
      scaled(20'000),
      [&] {
        session->position = 1;
        session->dropped.raise();  // (Y2)
      },
      [&] {
        while (!session->dropped.is_raised()) std::this_thread::yield();  // (Y2)
        EXPECT_EQ(session->position, 1u);
      },
      [&] { session.emplace(); });
}

TEST(MessagePassing, ATokenBringsWhatTheWakerDid) {
  task::Parker ping;
  task::Parker pong;
  int passed = 0;
  run_together(
      scaled(50'000),
      [&] {
        ++passed;
        ping.unpark();  // (PK1)
        pong.park();    // (PK2)
        EXPECT_EQ(passed, 2);
      },
      [&] {
        ping.park();  // (PK2)
        EXPECT_EQ(passed++, 1);
        pong.unpark();  // (PK1)
      },
      [&] { passed = 0; });
}

}  // namespace
}  // namespace dictsqlite
