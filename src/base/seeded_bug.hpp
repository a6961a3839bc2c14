// Seeded bugs: deliberate defects, by which the tests prove that they would notice. Users get none of them: without
// DICTSQLITE_SEEDED_BUGS, which only objects for tests are built with, the question is the constant `false` and the
// compiler removes what hangs on it. With it the environment variable DICTSQLITE_SEEDED_BUG names the one that is
// there.
//
//   if (result < 0 && !DICTSQLITE_SEEDED_BUG(kFailedLogSyncIsGood)) return ...;
//
// Thread-safety: any thread. tests/seeded/seeded_bugs_test.py runs the tests with each and wants every one caught.
#pragma once

#if defined(DICTSQLITE_SEEDED_BUGS)

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

// Name, and what is wrong then. In the order of the modules, bottom to top.
#define DICTSQLITE_SEEDED_BUG_LIST(BUG)                                                                     \
  /* io, ring, cache */                                                                                     \
  BUG(kLostDoorbell, "a producer does not wake the consumer that waits for its ticket")                     \
  BUG(kClosedRingAccepts, "tickets are given out after the tail was frozen")                                \
  BUG(kDirtyEvicted, "entries that are not applied are evicted")                                            \
  BUG(kFillOverWrite, "what was loaded is cached although a write has taken its pending entry away")        \
  BUG(kOlderInstalled, "a late writer installs its entry over a newer one")                                 \
  BUG(kBatchGateIgnored, "a batch is installed while a reader holds batches back")                          \
  /* journal */                                                                                             \
  BUG(kAckAtSubmission, "a block of the log is durable when its write is submitted")                        \
  BUG(kFailedLogWriteIsGood, "a failed write of the log is taken for good")                                 \
  BUG(kShortLogWriteIsWhole, "a short write of the log is taken for a whole one")                           \
  BUG(kFailedLogSyncIsGood, "a failed sync of the log is taken for good")                                   \
  BUG(kLogSyncRetried, "a failed sync of the log is tried again, and OK the second time")                   \
  BUG(kSeveralLogSyncs, "several blocks are in flight through the page cache, each with a sync of its own") \
  BUG(kDurableEndAhead, "a block says that all records before its end are durable")                         \
  BUG(kSegmentReusedEarly, "a segment is used again before what is in it is settled")                       \
  BUG(kDirectoryNotSynced, "a segment is used before its name is durable")                                  \
  BUG(kSegmentHeaderNotDurable, "a segment is used before its header is durable")                           \
  BUG(kNoHeadChecksum, "the head of a block is not checked")                                                \
  BUG(kNoPayloadChecksum, "the records of a block are not checked")                                         \
  BUG(kOldLifeReplayed, "a block of another life is taken for one of this life")                            \
  BUG(kNoChain, "a block need not name the one before it")                                                  \
  BUG(kReplaySkipsFirst, "the first record that SQLite does not have is passed over")                       \
  BUG(kDamageUnnoticed, "acknowledged records that cannot be read are not missed")                          \
  BUG(kOldLogReplayed, "a log of an earlier life is taken for that of the last one")                        \
  /* store */                                                                                               \
  BUG(kLastSequenceLate, "a transaction carries the last sequence of the one before it")                    \
  BUG(kTransactionSplit, "each row is a transaction of its own")                                            \
  BUG(kEpochNotSynced, "the life is not durable in the database when its log begins")                       \
  BUG(kWalNotRewritten, "the write-ahead log that an unclean end left is used as it is")                    \
  BUG(kCheckpointSyncRetried, "a failed sync of SQLite's is tried again")                                   \
  BUG(kNoFailureMark, "a life whose sync failed leaves no mark for the next one")                           \
  BUG(kCloseWithoutSync, "closing is OK without the last sync")                                             \
  /* flush */                                                                                               \
  BUG(kParkedOvertaken, "newcomers overtake the writes that are parked")                                    \
  BUG(kBatchRowNotLogged, "the last row of a batch is not in its record")                                   \
  BUG(kOlderFolded, "of several writes of a key the oldest is applied")                                     \
  BUG(kEraseFolded, "an erase is not applied")                                                              \
  BUG(kDiskFullDropped, "a transaction that finds no space is dropped and taken for applied")               \
  BUG(kFailedSyncIsGood, "a failed sync of the write-ahead log is taken for good")                          \
  BUG(kSyncRetried, "a failed sync of the write-ahead log is tried again behind the log")                   \
  BUG(kDurableAtCommit, "without a log a write is durable when its transaction is committed")               \
  BUG(kSettledAtCommit, "a write is settled when its transaction is committed")                             \
  BUG(kAnsweredAtCommit, "whoever waits until a write is durable is answered when it is applied")           \
  BUG(kAnsweredAfterFailure, "whoever waits when the database fails is told OK")                            \
  BUG(kBudgetLost, "the bytes of applied writes are not given back")                                        \
  BUG(kParkedForgotten, "the flusher does not move parked writes into the ring")                            \
  BUG(kApplierNotWoken, "the applier is not woken when writes are handed to it")                            \
  BUG(kNewsNotTold, "the flusher is not woken when the applier has news")                                   \
  BUG(kClosedBeforeDrained, "closing does not wait for what is not applied")                                \
  BUG(kReplayTailForgotten, "the last transaction of a replay is not applied")                              \
  BUG(kReplaySplitsWrites, "a transaction of a replay ends in the midst of a write")                        \
  BUG(kReplayOlderWins, "of several writes of a key the oldest is replayed")                                \
  BUG(kLogRemovedBeforeSettled, "the old log is removed before what was replayed is settled")

namespace dictsqlite::base {

#define DICTSQLITE_SEEDED_BUG_NAME(name, sentence) name,
enum class SeededBug { kNone, DICTSQLITE_SEEDED_BUG_LIST(DICTSQLITE_SEEDED_BUG_NAME) };
#undef DICTSQLITE_SEEDED_BUG_NAME

inline SeededBug chosen_bug() noexcept {
  const char* const given = std::getenv("DICTSQLITE_SEEDED_BUG");
  if (given == nullptr) return SeededBug::kNone;
#define DICTSQLITE_SEEDED_BUG_PAIR(name, sentence) std::pair(std::string_view(#name), SeededBug::name),
  constexpr std::pair<std::string_view, SeededBug> kAll[] = {DICTSQLITE_SEEDED_BUG_LIST(DICTSQLITE_SEEDED_BUG_PAIR)};
#undef DICTSQLITE_SEEDED_BUG_PAIR
  for (const auto& [name, bug] : kAll) {
    if (name == given) return bug;
  }
  std::fprintf(stderr, "no seeded bug is called %s\n", given);
  std::abort();
}

/// Whether this one is there. Says so once, when it is met.
inline bool has_seeded_bug(SeededBug bug) noexcept {
  static const SeededBug chosen = chosen_bug();
  if (bug != chosen) return false;
  static std::atomic<bool> told{false};
  if (!told.exchange(true, std::memory_order_relaxed)) std::fputs("seeded bug met\n", stderr);  // orders nothing
  return true;
}

}  // namespace dictsqlite::base

#define DICTSQLITE_SEEDED_BUG(name) ::dictsqlite::base::has_seeded_bug(::dictsqlite::base::SeededBug::name)

#else
#define DICTSQLITE_SEEDED_BUG(name) false
#endif
