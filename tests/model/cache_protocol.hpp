// CacheProtocol: the steps of src/cache/table.hpp, src/load/flights.cpp and src/flush/write_path.hpp for one key, small
// enough that every order of steps can be tried.
//
// One bucket with a few slots and its chain; writers (claim, search, replace or place, raise the version, dedupe:
// search, raise the version, remove; publish), readers (search; on a miss, under the stripe's lock: search, place a
// pending entry, search again, queue it and wait), the loader (take what is queued, one snapshot, land each), the
// flusher (commit in ticket order, then raise the watermark) and the evictor. Each access to a word that others write
// is a step of its own; memory is sequentially consistent, as the real accesses are.
//
// What is left out, and why that hides nothing:
// - The version is no number: raising it sends every search that has begun back to its start. That is what the second
//   look at the version would do, only sooner; a search changes nothing, so nobody can tell.
// - For the same reason a compare-and-swap or a last look that is bound to fail (no entry ever comes back to a place
//   it left) fails at once.
// - The second look at the version coincides with the last look at a slot: later, it could only send the search back.
// - Taking the lock coincides with the first look under it, giving it back with the last: others could only wait
// longer.
// - Publishing coincides with the last step of installing: later, fewer would know of the write. Where all writers may
// be
//   at work at one time, all tickets are claimed at the start: a writer that has only a ticket touches nothing.
// - A removed entry is out of the chain at once; a real search walks over it and finds it marked.
// - Slots are tried in no order: a place takes any that is empty. Evicting another entry in the same step is evicting
// it
//   in a step before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dictsqlite::model {

/// What the model may do wrong on purpose.
enum class Bug : std::uint8_t {
  kNone,
  kPublishBeforeInstall,
  kPlaceWithoutVersion,        // an entry is placed in a slot without raising the version
  kWriterPlaceWithoutVersion,  // the same, by writers only
  kDedupeWithoutVersion,       // a dedupe removes without raising the version first
  kNoDedupe,
  kReplaceLowest,         // a writer replaces the lowest entry it found, not the highest
  kIgnoreVersion,         // find() does not look at the version again
  kNoLastLook,            // find() does not look at the chosen slot again
  kJoinWithoutLock,       // a reader joins a flight that it saw before it had the lock
  kPendingWithoutSearch,  // a pending entry is queued without the second search
  kPendingKeptWhenLost,   // the second search found nothing, and not the pending entry either: queued all the same
  kFillWithoutCompare,    // the fill overwrites whatever stands where the pending entry was placed
  kEvictUnapplied,
};

struct Config {
  std::size_t slots = 2;
  std::size_t writes = 2;   // tickets in all, one writer each
  std::size_t writers = 2;  // of them at one time
  std::size_t readers = 2;
  std::size_t gets = 2;              // of each reader
  bool starts_cached = false;        // the initial row is in slot 0
  bool starts_foreign = false;       // an evictable entry of another key is in the last slot
  std::uint8_t foreign_tickets = 0;  // bit t: ticket t is a write of another key
  bool chain_any_time = false;       // an entry may go to the chain although a slot has become empty
  bool late_watermark = false;       // commit and raising the watermark are two steps
  bool checks_installs = true;       // look at [I3] itself, not only at what follows from it
  Bug bug = Bug::kNone;
};

class CacheProtocol {
 public:
  static constexpr std::size_t kSlotsMax = 2;
  static constexpr std::size_t kNodesMax = 4;
  static constexpr std::size_t kWritesMax = 4;
  static constexpr std::size_t kReadersMax = 2;
  static constexpr std::size_t kFlightsMax = 5;

  /// Names an entry: nothing, an entry of another key, a written one by its ticket, or a pending one or a fill by its
  /// flight.
  using Ref = std::uint8_t;
  /// A slot, or a place in the chain.
  using Place = std::uint8_t;

  enum class WriterAt : std::uint8_t {
    kUnborn,
    kSearch,
    kReplace,
    kPlace,
    kRaise,
    kDedupe,
    kRaiseAgain,
    kRemove,
    kForeign,
    kDone
  };
  struct Writer {
    WriterAt at;
    Place next;  // where its search looks next
    Ref found;   // highest so far in a search, lowest so far in a dedupe
    Place found_in;
    std::uint8_t count;  // entries that a dedupe has seen, at most 2
  };

  enum class ReaderAt : std::uint8_t {
    kFind,
    kLastLook,  // without the lock
    kMiss,      // wants the lock
    kFindLocked,
    kLastLookLocked,
    kPlace,
    kRaise,  // under it: the first search
    kFindAgain,
    kLastLookAgain,
    kWithdraw,
    kStands,  // under it: the search after placing
    kWaiting,
    kDone,
  };
  struct Reader {
    ReaderAt at;
    Place next;
    Ref found;
    Place found_in;
    Ref pending;        // its own, or the one it waits for
    Place pending_in;   // where it placed its own
    std::uint8_t need;  // what a get must return at least; kNotBegun before its first look
    std::uint8_t gets;  // left, this one included
  };

  struct State {
    Ref slots[kSlotsMax];
    Ref chain[kNodesMax];                  // the last one is the head; no gaps
    std::uint8_t claimed;                  // tickets
    std::uint8_t published;                // bit t: ticket t
    std::uint8_t committed;                // last sequence in the database
    std::uint8_t value;                    // sequence of the key's row; 0: the initial one
    std::uint8_t applied;                  // watermark
    std::uint8_t known;                    // highest value that a finished get or write has shown to anyone
    std::uint8_t fill_order[kFlightsMax];  // of a fill: the snapshot's last sequence
    std::uint8_t fill_value[kFlightsMax];  // and the row it saw
    std::uint8_t queued;                   // bit f: flight f waits for the loader
    std::uint8_t taken;                    // bit f: the loader has it, with the snapshot
    std::uint8_t snapshot_order;
    std::uint8_t snapshot_value;
    std::uint8_t wrong;          // Wrong
    Writer writers[kWritesMax];  // by ticket - 1
    Reader readers[kReadersMax];
    std::uint8_t unused[1];
  };

  enum class Actor : std::uint8_t { kClaim, kWriter, kReader, kTake, kLand, kCommit, kRaiseApplied, kEvict };
  struct Step {
    Actor actor;
    std::uint8_t index;
    std::uint8_t choice;  // of a place: where
    bool operator==(const Step&) const = default;
  };

  explicit CacheProtocol(const Config& config) : config_(config) {}

  [[nodiscard]] State initial() const;
  /// Evicting may happen or not; everybody else goes on while he can.
  [[nodiscard]] static bool must_happen(const Step& step) { return step.actor != Actor::kEvict; }
  [[nodiscard]] const char* violation(const State& state) const;
  [[nodiscard]] bool finished(const State& state) const;
  [[nodiscard]] std::string describe(const State& state) const;
  [[nodiscard]] std::string describe(const State& state, const Step& step) const;

  template <class Visit>
  void for_each_step(const State& state, Visit&& visit) const {
    const auto offer = [&](const Step& step) {
      State after = state;
      take_step(after, step);
      make_canonical(after);
      visit(step, after);
    };
    const auto offer_places = [&](Actor actor, std::size_t index) {
      bool full = true;
      for (std::size_t slot = 0; slot < config_.slots; ++slot) {
        if (state.slots[slot] != 0) continue;
        full = false;
        offer({actor, static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(slot)});
      }
      if (full || config_.chain_any_time) offer({actor, static_cast<std::uint8_t>(index), kChain});
    };
    if (may_claim(state)) offer({Actor::kClaim, 0, 0});
    for (std::size_t index = 0; index < state.claimed; ++index) {
      const WriterAt at = state.writers[index].at;
      if (at == WriterAt::kDone) continue;
      if (at == WriterAt::kPlace) {
        offer_places(Actor::kWriter, index);
      } else {
        offer({Actor::kWriter, static_cast<std::uint8_t>(index), 0});
      }
    }
    for (std::size_t index = 0; index < config_.readers; ++index) {
      const ReaderAt at = state.readers[index].at;
      if (at == ReaderAt::kWaiting || at == ReaderAt::kDone) continue;
      if (at == ReaderAt::kMiss && lock_is_held(state)) continue;
      if (at == ReaderAt::kPlace) {
        offer_places(Actor::kReader, index);
      } else {
        offer({Actor::kReader, static_cast<std::uint8_t>(index), 0});
      }
    }
    if (state.taken == 0 && state.queued != 0) offer({Actor::kTake, 0, 0});
    if (state.taken != 0 && !lock_is_held(state)) {
      for (std::uint8_t flight = 0; flight < kFlightsMax; ++flight) {
        if ((state.taken >> flight & 1) != 0) offer({Actor::kLand, flight, 0});
      }
    }
    if (state.applied == state.committed && (state.published >> (state.committed + 1) & 1) != 0) {
      offer({Actor::kCommit, 0, 0});
    }
    if (state.applied != state.committed) offer({Actor::kRaiseApplied, 0, 0});
    for (std::uint8_t place = 0; place < kSlotsMax + kNodesMax; ++place) {
      if (is_evictable(state, entry_in(state, place))) offer({Actor::kEvict, place, 0});
    }
  }

 private:
  enum Wrong : std::uint8_t {
    kFine,
    kStaleRead,
    kInstalledAfterApplied,
    kTwoPending,
    kTwoLeft,
    kPendingLeft,
    kCacheIsNotDatabase,
    kChainTooShort,
    kTooManyFlights,
  };
  static constexpr Place kChain = kSlotsMax + kNodesMax;  // as a choice: push
  static constexpr Place kBegin = 0xFE;                   // a search that has not looked yet
  static constexpr Place kEnd = 0xFF;
  static constexpr Place kGone = 0xFD;  // a place in the chain that is no more
  static constexpr std::uint8_t kNotBegun = 0xFF;

  static constexpr Ref kForeign = 0x10;
  static constexpr Ref kPendingRef = 0x20;  // | flight
  static constexpr Ref kFillRef = 0x40;     // | flight

  static bool is_pending(Ref ref) { return (ref & kPendingRef) != 0; }
  static bool is_fill(Ref ref) { return (ref & kFillRef) != 0; }
  static bool is_ours(Ref ref) { return ref != 0 && ref != kForeign; }
  static bool is_real(Ref ref) { return is_ours(ref) && !is_pending(ref); }
  static std::uint8_t flight_of(Ref ref) { return ref & 0x0F; }
  static Ref entry_in(const State& state, Place place) {
    if (place < kSlotsMax) return state.slots[place];
    return place < kSlotsMax + kNodesMax ? state.chain[place - kSlotsMax] : Ref{0};
  }
  static Ref& entry_in(State& state, Place place) {
    return place < kSlotsMax ? state.slots[place] : state.chain[place - kSlotsMax];
  }
  static bool remove(State& state, Place place, Ref ref);
  static std::uint8_t sequence_of(const State& state, Ref ref);
  static std::uint8_t order_of(const State& state, Ref ref);
  static std::uint8_t value_of(const State& state, Ref ref);
  [[nodiscard]] bool is_evictable(const State& state, Ref ref) const;
  [[nodiscard]] bool may_claim(const State& state) const;
  static bool lock_is_held(const State& state);

  void take_step(State& state, const Step& step) const;
  void step_writer(State& state, std::size_t index, Place choice) const;
  void step_reader(State& state, Reader& reader, Place choice) const;
  void land(State& state, std::uint8_t flight) const;

  [[nodiscard]] Place after_place(const State& state, Place place) const;
  static bool put(State& state, Place choice, Ref ref);
  void raise_version(State& state) const;
  void search_on(State& state, Writer& writer, std::uint8_t ticket) const;
  void search_done(State& state, Writer& writer, std::uint8_t ticket) const;
  void dedupe_on(State& state, Writer& writer) const;
  void dedupe_done(State& state, Writer& writer) const;
  void publish(State& state, Writer& writer) const;
  static void restart(Writer& writer, WriterAt at);
  static void restart(Reader& reader, ReaderAt at);
  void installed(State& state, std::uint8_t ticket) const;
  void find_on(State& state, Reader& reader) const;
  void find_done(Reader& reader) const;
  void look_again(State& state, Reader& reader) const;
  void got(State& state, Reader& reader, std::uint8_t value) const;
  void wait_for(Reader& reader, Ref pending) const;

  void make_canonical(State& state) const;
  void settle(State& state) const;
  static void drop_chain_gaps(State& state);
  static void sort_readers(State& state);
  static void rename_flights(State& state);
  [[nodiscard]] static std::uint8_t free_flight(const State& state);

  Config config_;
};

}  // namespace dictsqlite::model
