#include "model/cache_protocol.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace dictsqlite::model {

static_assert(sizeof(CacheProtocol::State) == 64, "no padding, and whole words for the fingerprint");

CacheProtocol::State CacheProtocol::initial() const {
  State state{};
  if (config_.starts_cached) {
    state.slots[0] = kFillRef;  // flight 0, order and value 0
  }
  if (config_.starts_foreign) state.slots[config_.slots - 1] = kForeign;
  for (Writer& writer : state.writers) restart(writer, WriterAt::kUnborn);
  if (config_.writers >= config_.writes) {
    while (state.claimed < config_.writes) take_step(state, {Actor::kClaim, 0, 0});
  }
  for (std::size_t index = 0; index < kReadersMax; ++index) {
    Reader& reader = state.readers[index];
    reader = {ReaderAt::kDone, kBegin, 0, kGone, 0, kGone, kNotBegun, 0};
    if (index < config_.readers) {
      reader.at = ReaderAt::kFind;
      reader.gets = static_cast<std::uint8_t>(config_.gets);
    }
  }
  make_canonical(state);
  return state;
}

// --- what is known of an entry ---

std::uint8_t CacheProtocol::sequence_of(const State& state, Ref ref) {
  return is_fill(ref) ? state.fill_order[flight_of(ref)] : ref;
}

// As entry::order_of(): a load under way is below everything.
std::uint8_t CacheProtocol::order_of(const State& state, Ref ref) {
  return is_pending(ref) ? std::uint8_t{0} : static_cast<std::uint8_t>(sequence_of(state, ref) + 1);
}

std::uint8_t CacheProtocol::value_of(const State& state, Ref ref) {
  return is_fill(ref) ? state.fill_value[flight_of(ref)] : ref;
}

bool CacheProtocol::is_evictable(const State& state, Ref ref) const {
  if (ref == kForeign) return true;
  if (!is_real(ref)) return false;
  return config_.bug == Bug::kEvictUnapplied || sequence_of(state, ref) <= state.applied;
}

bool CacheProtocol::may_claim(const State& state) const {
  if (state.claimed == config_.writes) return false;
  std::size_t active = 0;
  for (std::size_t index = 0; index < state.claimed; ++index) {
    if (state.writers[index].at != WriterAt::kDone) ++active;
  }
  return active < config_.writers;
}

bool CacheProtocol::lock_is_held(const State& state) {
  return std::any_of(std::begin(state.readers), std::end(state.readers), [](const Reader& reader) {
    return reader.at >= ReaderAt::kFindLocked && reader.at <= ReaderAt::kStands;
  });
}

// --- steps ---

void CacheProtocol::take_step(State& state, const Step& step) const {
  switch (step.actor) {
    case Actor::kClaim: {
      const std::uint8_t ticket = ++state.claimed;
      const bool foreign = (config_.foreign_tickets >> ticket & 1) != 0;
      restart(state.writers[ticket - 1], foreign ? WriterAt::kForeign : WriterAt::kSearch);
      if (config_.bug == Bug::kPublishBeforeInstall) state.published |= static_cast<std::uint8_t>(1u << ticket);
      return;
    }
    case Actor::kWriter:
      return step_writer(state, step.index, step.choice);
    case Actor::kReader:
      return step_reader(state, state.readers[step.index], step.choice);
    case Actor::kTake:
      state.taken = std::exchange(state.queued, std::uint8_t{0});
      state.snapshot_order = state.committed;
      state.snapshot_value = state.value;
      return;
    case Actor::kLand:
      return land(state, step.index);
    case Actor::kCommit:
      ++state.committed;
      if ((config_.foreign_tickets >> state.committed & 1) == 0) state.value = state.committed;
      if (!config_.late_watermark) state.applied = state.committed;
      return;
    case Actor::kRaiseApplied:
      state.applied = state.committed;
      return;
    case Actor::kEvict:
      entry_in(state, step.index) = 0;
      return;
  }
}

// --- writers ---

void CacheProtocol::step_writer(State& state, std::size_t index, Place choice) const {
  Writer& writer = state.writers[index];
  const auto ticket = static_cast<std::uint8_t>(index + 1);
  switch (writer.at) {
    case WriterAt::kSearch:
      return search_on(state, writer, ticket);
    case WriterAt::kReplace:  // settle() has made sure that it succeeds
      entry_in(state, writer.found_in) = ticket;
      installed(state, ticket);
      return publish(state, writer);
    case WriterAt::kPlace: {
      if (!put(state, choice, ticket)) {
        state.wrong = kChainTooShort;
        return;
      }
      installed(state, ticket);
      if (choice == kChain) raise_version(state);  // head and version are one word
      const bool raises = config_.bug != Bug::kPlaceWithoutVersion && config_.bug != Bug::kWriterPlaceWithoutVersion;
      if (choice != kChain && raises) return restart(writer, WriterAt::kRaise);
      return config_.bug == Bug::kNoDedupe ? publish(state, writer) : restart(writer, WriterAt::kDedupe);
    }
    case WriterAt::kRaise:
      raise_version(state);
      return config_.bug == Bug::kNoDedupe ? publish(state, writer) : restart(writer, WriterAt::kDedupe);
    case WriterAt::kDedupe:
      return dedupe_on(state, writer);
    case WriterAt::kRaiseAgain:
      raise_version(state);
      writer.at = WriterAt::kRemove;
      return;
    case WriterAt::kRemove:
      remove(state, writer.found_in, writer.found);
      return restart(writer, WriterAt::kDedupe);
    case WriterAt::kForeign:
      return publish(state, writer);
    case WriterAt::kUnborn:
    case WriterAt::kDone:
      return;
  }
}

void CacheProtocol::publish(State& state, Writer& writer) const {
  const auto ticket = static_cast<std::uint8_t>(&writer - state.writers + 1);
  state.published |= static_cast<std::uint8_t>(1u << ticket);
  if ((config_.foreign_tickets >> ticket & 1) == 0) state.known = std::max(state.known, ticket);
  restart(writer, WriterAt::kDone);
}

void CacheProtocol::restart(Writer& writer, WriterAt at) { writer = {at, kBegin, 0, kGone, 0}; }

void CacheProtocol::search_on(State& state, Writer& writer, std::uint8_t ticket) const {
  if (writer.next == kBegin) writer.next = after_place(state, kBegin);
  if (writer.next != kEnd) {
    const Ref ref = entry_in(state, writer.next);
    const bool lower = config_.bug == Bug::kReplaceLowest;
    if (is_ours(ref) && (writer.found == 0 || (order_of(state, ref) < order_of(state, writer.found)) == lower)) {
      writer.found = ref;
      writer.found_in = writer.next;
    }
    writer.next = after_place(state, writer.next);
  }
  if (writer.next == kEnd) search_done(state, writer, ticket);
}

void CacheProtocol::search_done(State& state, Writer& writer, std::uint8_t ticket) const {
  if (writer.found != 0 && order_of(state, writer.found) > ticket + 1) {
    publish(state, writer);  // superseded
  } else if (writer.found != 0 && writer.found_in < kSlotsMax) {
    writer.at = WriterAt::kReplace;
    writer.next = kBegin;
  } else {
    restart(writer, WriterAt::kPlace);
  }
}

void CacheProtocol::dedupe_on(State& state, Writer& writer) const {
  if (writer.next == kBegin) writer.next = after_place(state, kBegin);
  if (writer.next != kEnd) {
    const Ref ref = entry_in(state, writer.next);
    if (is_ours(ref)) {
      if (writer.found == 0 || order_of(state, ref) < order_of(state, writer.found)) {
        writer.found = ref;
        writer.found_in = writer.next;
      }
      writer.count = std::min<std::uint8_t>(2, static_cast<std::uint8_t>(writer.count + 1));
    }
    writer.next = after_place(state, writer.next);
  }
  if (writer.next == kEnd) dedupe_done(state, writer);
}

void CacheProtocol::dedupe_done(State& state, Writer& writer) const {
  if (writer.count < 2) return publish(state, writer);
  writer.at = config_.bug == Bug::kDedupeWithoutVersion ? WriterAt::kRemove : WriterAt::kRaiseAgain;
  writer.next = kBegin;
  writer.count = 0;
}

void CacheProtocol::installed(State& state, std::uint8_t ticket) const {
  if (config_.checks_installs && state.committed >= ticket) state.wrong = kInstalledAfterApplied;
}

// --- readers ---

void CacheProtocol::step_reader(State& state, Reader& reader, Place choice) const {
  switch (reader.at) {
    case ReaderAt::kMiss:
      restart(reader, ReaderAt::kFindLocked);
      return find_on(state, reader);
    case ReaderAt::kFind:
    case ReaderAt::kFindLocked:
    case ReaderAt::kFindAgain:
      return find_on(state, reader);
    case ReaderAt::kLastLook:
    case ReaderAt::kLastLookLocked:
    case ReaderAt::kLastLookAgain:
      return look_again(state, reader);
    case ReaderAt::kPlace: {
      const std::uint8_t flight = free_flight(state);
      if (flight == kFlightsMax) {
        state.wrong = kTooManyFlights;
        return;
      }
      reader.pending = static_cast<Ref>(kPendingRef | flight);
      reader.pending_in = choice == kChain ? static_cast<Place>(kSlotsMax) : choice;
      while (choice == kChain && reader.pending_in < kSlotsMax + kNodesMax && entry_in(state, reader.pending_in) != 0) {
        ++reader.pending_in;
      }
      if (!put(state, choice, reader.pending)) {
        state.wrong = kChainTooShort;
        return;
      }
      const ReaderAt then = config_.bug == Bug::kPendingWithoutSearch ? ReaderAt::kStands : ReaderAt::kFindAgain;
      const bool raised = choice == kChain || config_.bug == Bug::kPlaceWithoutVersion;
      restart(reader, raised ? then : ReaderAt::kRaise);
      if (choice == kChain) raise_version(state);
      return;
    }
    case ReaderAt::kRaise:
      raise_version(state);
      return restart(reader, config_.bug == Bug::kPendingWithoutSearch ? ReaderAt::kStands : ReaderAt::kFindAgain);
    case ReaderAt::kWithdraw:
      remove(state, reader.pending_in, reader.pending);
      return got(state, reader, value_of(state, reader.found));
    case ReaderAt::kStands:  // settle() has made sure that it does
      state.queued |= static_cast<std::uint8_t>(1u << flight_of(reader.pending));
      return wait_for(reader, reader.pending);
    case ReaderAt::kWaiting:
    case ReaderAt::kDone:
      return;
  }
}

void CacheProtocol::restart(Reader& reader, ReaderAt at) {
  reader.at = at;
  reader.next = kBegin;
  reader.found = 0;
  reader.found_in = kGone;
}

void CacheProtocol::find_on(State& state, Reader& reader) const {
  if (reader.need == kNotBegun) reader.need = state.known;
  if (reader.next == kBegin) reader.next = after_place(state, kBegin);
  if (reader.next != kEnd) {
    const Ref ref = entry_in(state, reader.next);
    const bool own = reader.at == ReaderAt::kFindAgain && ref == reader.pending;
    if (is_ours(ref) && !own && (reader.found == 0 || order_of(state, ref) > order_of(state, reader.found))) {
      reader.found = ref;
      reader.found_in = reader.next;
    }
    reader.next = after_place(state, reader.next);
  }
  if (reader.next == kEnd) {
    find_done(reader);
    if (config_.bug == Bug::kNoLastLook && reader.found != 0) look_again(state, reader);
  }
}

void CacheProtocol::find_done(Reader& reader) const {
  const bool nothing = reader.found == 0;
  reader.next = kBegin;
  switch (reader.at) {
    case ReaderAt::kFind:
      reader.at = nothing ? ReaderAt::kMiss : ReaderAt::kLastLook;
      return;
    case ReaderAt::kFindLocked:
      reader.at = nothing ? ReaderAt::kPlace : ReaderAt::kLastLookLocked;
      return;
    default:
      reader.at = nothing ? ReaderAt::kStands : ReaderAt::kLastLookAgain;
      return;
  }
}

void CacheProtocol::look_again(State& state, Reader& reader) const {
  const Ref found = reader.found;
  if (reader.at == ReaderAt::kLastLookAgain) {
    if (is_pending(found)) state.wrong = kTwoPending;
    reader.at = ReaderAt::kWithdraw;
    reader.found_in = kGone;
    return;
  }
  if (is_real(found)) return got(state, reader, value_of(state, found));
  if (reader.at == ReaderAt::kLastLook && config_.bug != Bug::kJoinWithoutLock) return restart(reader, ReaderAt::kMiss);
  wait_for(reader, found);
}

void CacheProtocol::wait_for(Reader& reader, Ref pending) const {
  restart(reader, ReaderAt::kWaiting);
  reader.pending = pending;
  if (config_.bug != Bug::kFillWithoutCompare) reader.pending_in = kGone;
}

void CacheProtocol::got(State& state, Reader& reader, std::uint8_t value) const {
  if (value < reader.need) state.wrong = kStaleRead;
  state.known = std::max(state.known, value);
  --reader.gets;
  restart(reader, reader.gets == 0 ? ReaderAt::kDone : ReaderAt::kFind);
  reader.pending = 0;
  reader.pending_in = kGone;
  reader.need = kNotBegun;
}

// --- the loader ---

void CacheProtocol::land(State& state, std::uint8_t flight) const {
  const Ref pending = static_cast<Ref>(kPendingRef | flight);
  const Ref fill = static_cast<Ref>(kFillRef | flight);
  state.taken &= static_cast<std::uint8_t>(~(1u << flight));
  for (Ref& slot : state.slots) {
    if (slot == pending) slot = fill;
  }
  for (Ref& chained : state.chain) {
    if (chained == pending) chained = 0;  // in the chain nothing can be swapped: delivered, not cached
  }
  state.fill_order[flight] = state.snapshot_order;
  state.fill_value[flight] = state.snapshot_value;
  for (Reader& reader : state.readers) {
    if (reader.at != ReaderAt::kWaiting || reader.pending != pending) continue;
    if (config_.bug == Bug::kFillWithoutCompare && reader.pending_in < kSlotsMax) {
      state.slots[reader.pending_in] = fill;
    }
    got(state, reader, state.snapshot_value);
  }
}

// --- the bucket ---

// Where a search looks after `place`: slot by slot, then the chain from its head. kBegin: where it looks first.
CacheProtocol::Place CacheProtocol::after_place(const State& state, Place place) const {
  std::size_t below = kSlotsMax + kNodesMax;
  if (place == kBegin || place < kSlotsMax) {
    const std::size_t slot = place == kBegin ? 0 : place + std::size_t{1};
    if (slot < config_.slots) return static_cast<Place>(slot);
  } else {
    below = place;
  }
  while (below-- > kSlotsMax) {
    if (entry_in(state, static_cast<Place>(below)) != 0) return static_cast<Place>(below);
  }
  return kEnd;
}

bool CacheProtocol::put(State& state, Place choice, Ref ref) {
  if (choice != kChain) {
    state.slots[choice] = ref;
    return true;
  }
  for (Ref& free : state.chain) {
    if (free == 0) {
      free = ref;
      return true;
    }
  }
  return false;
}

bool CacheProtocol::remove(State& state, Place place, Ref ref) {
  if (place == kGone || entry_in(state, place) != ref) return false;
  entry_in(state, place) = 0;
  return true;
}

void CacheProtocol::raise_version(State& state) const {
  for (Writer& writer : state.writers) {
    const bool searches = writer.at == WriterAt::kSearch || writer.at == WriterAt::kDedupe;
    if (searches) restart(writer, writer.at);
  }
  for (Reader& reader : state.readers) {
    const bool searches =
        reader.at == ReaderAt::kFind || reader.at == ReaderAt::kFindLocked || reader.at == ReaderAt::kFindAgain;
    if (searches && config_.bug != Bug::kIgnoreVersion) restart(reader, reader.at);
  }
}

// --- one state for all that are alike ---

void CacheProtocol::make_canonical(State& state) const {
  settle(state);
  drop_chain_gaps(state);
  sort_readers(state);
  rename_flights(state);
}

// Takes at once the steps whose outcome is certain and that nobody else can notice.
void CacheProtocol::settle(State& state) const {
  const auto is_removed = [&](Place place) {
    return place >= kSlotsMax && place < kSlotsMax + kNodesMax && entry_in(state, place) == 0;
  };
  const auto is_there = [&](Place place, Ref ref) { return place != kGone && entry_in(state, place) == ref; };
  for (std::size_t index = 0; index < kWritesMax; ++index) {
    Writer& writer = state.writers[index];
    if (is_removed(writer.next)) {
      while (is_removed(writer.next)) writer.next = after_place(state, writer.next);
      if (writer.next == kEnd && writer.at == WriterAt::kSearch) {
        search_done(state, writer, static_cast<std::uint8_t>(index + 1));
      } else if (writer.next == kEnd) {
        dedupe_done(state, writer);
      }
    }
    if (writer.at == WriterAt::kReplace && !is_there(writer.found_in, writer.found)) {
      restart(writer, WriterAt::kSearch);
    }
    const bool removes = writer.at == WriterAt::kRaiseAgain || writer.at == WriterAt::kRemove;
    if (removes && !is_there(writer.found_in, writer.found)) {
      restart(writer, WriterAt::kDedupe);
    }
  }
  for (Reader& reader : state.readers) {
    if (is_removed(reader.next)) {
      while (is_removed(reader.next)) reader.next = after_place(state, reader.next);
      if (reader.next == kEnd) {
        find_done(reader);
        if (config_.bug == Bug::kNoLastLook && reader.found != 0) look_again(state, reader);
      }
    }
    if (!is_there(reader.found_in, reader.found)) {
      if (reader.at == ReaderAt::kLastLook) restart(reader, ReaderAt::kFind);
      if (reader.at == ReaderAt::kLastLookLocked) restart(reader, ReaderAt::kFindLocked);
      if (reader.at == ReaderAt::kLastLookAgain) restart(reader, ReaderAt::kFindAgain);
    }
    if (reader.at == ReaderAt::kStands && !is_there(reader.pending_in, reader.pending) &&
        config_.bug != Bug::kPendingKeptWhenLost) {
      restart(reader, ReaderAt::kFind);
      reader.pending = 0;
      reader.pending_in = kGone;
    }
    if (reader.at == ReaderAt::kWithdraw && !is_there(reader.pending_in, reader.pending)) {
      got(state, reader, value_of(state, reader.found));
    }
  }
}

void CacheProtocol::drop_chain_gaps(State& state) {
  const auto move = [&](Place from, Place to) {
    const auto follow = [&](Place& place) {
      if (place == from) place = to;
    };
    for (Writer& writer : state.writers) {
      follow(writer.next);
      follow(writer.found_in);
    }
    for (Reader& reader : state.readers) {
      follow(reader.next);
      follow(reader.found_in);
      follow(reader.pending_in);
    }
  };
  Place free = kSlotsMax;
  for (Place place = kSlotsMax; place < kSlotsMax + kNodesMax; ++place) {
    const Ref ref = entry_in(state, place);
    if (ref == 0) {
      move(place, kGone);
      continue;
    }
    if (place != free) {
      entry_in(state, free) = ref;
      entry_in(state, place) = 0;
      move(place, free);
    }
    ++free;
  }
}

// Readers are alike: which is which does not matter.
void CacheProtocol::sort_readers(State& state) {
  const auto kind = [](Ref ref) { return is_pending(ref) || is_fill(ref) ? static_cast<Ref>(ref & 0xF0) : ref; };
  const auto key = [&](const Reader& reader) {
    return std::tuple(reader.at, reader.next, kind(reader.found), reader.found_in, kind(reader.pending),
                      reader.pending_in, reader.need, reader.gets);
  };
  if (key(state.readers[1]) < key(state.readers[0])) std::swap(state.readers[0], state.readers[1]);
}

// Flights are numbered in the order in which they are met; who is met no more is forgotten.
void CacheProtocol::rename_flights(State& state) {
  std::uint8_t new_name[16];
  std::memset(new_name, 0xFF, sizeof(new_name));
  std::uint8_t names = 0;
  bool changed = false;
  const auto rename = [&](Ref& ref) {
    if (!is_pending(ref) && !is_fill(ref)) return;
    std::uint8_t& name = new_name[flight_of(ref)];
    if (name == 0xFF) {
      name = names++;
      changed = changed || name != flight_of(ref);
    }
    ref = static_cast<Ref>((ref & 0xF0) | name);
  };
  for (Ref& ref : state.slots) rename(ref);
  for (Ref& ref : state.chain) rename(ref);
  for (Writer& writer : state.writers) rename(writer.found);
  for (Reader& reader : state.readers) {
    rename(reader.found);
    rename(reader.pending);
  }
  const State before = state;
  if (changed) state.queued = state.taken = 0;
  std::memset(state.fill_order, 0, sizeof(state.fill_order));
  std::memset(state.fill_value, 0, sizeof(state.fill_value));
  for (std::uint8_t old = 0; old < kFlightsMax; ++old) {
    if (new_name[old] == 0xFF) continue;
    state.fill_order[new_name[old]] = before.fill_order[old];
    state.fill_value[new_name[old]] = before.fill_value[old];
    if (!changed) continue;
    if ((before.queued >> old & 1) != 0) state.queued |= static_cast<std::uint8_t>(1u << new_name[old]);
    if ((before.taken >> old & 1) != 0) state.taken |= static_cast<std::uint8_t>(1u << new_name[old]);
  }
  if (state.taken == 0) state.snapshot_order = state.snapshot_value = 0;
}

std::uint8_t CacheProtocol::free_flight(const State& state) {
  bool used[16] = {};
  const auto use = [&](Ref ref) {
    if (is_pending(ref) || is_fill(ref)) used[flight_of(ref)] = true;
  };
  for (const Ref ref : state.slots) use(ref);
  for (const Ref ref : state.chain) use(ref);
  for (const Writer& writer : state.writers) use(writer.found);
  for (const Reader& reader : state.readers) {
    use(reader.found);
    use(reader.pending);
  }
  std::uint8_t flight = 0;
  while (flight < kFlightsMax && used[flight]) ++flight;
  return flight;
}

// --- what must hold ---

bool CacheProtocol::finished(const State& state) const {
  if (state.claimed != config_.writes || state.applied != state.claimed) return false;
  if (state.queued != 0 || state.taken != 0) return false;
  const bool writers_done = std::all_of(std::begin(state.writers), std::begin(state.writers) + config_.writes,
                                        [](const Writer& writer) { return writer.at == WriterAt::kDone; });
  const bool readers_done = std::all_of(std::begin(state.readers), std::end(state.readers),
                                        [](const Reader& reader) { return reader.at == ReaderAt::kDone; });
  return writers_done && readers_done;
}

const char* CacheProtocol::violation(const State& state) const {
  int pending = 0;
  int ours = 0;
  Ref left = 0;
  for (Place place = 0; place < kSlotsMax + kNodesMax; ++place) {
    const Ref ref = entry_in(state, place);
    if (is_pending(ref)) ++pending;
    if (is_ours(ref)) {
      ++ours;
      left = ref;
    }
  }
  Wrong wrong = static_cast<Wrong>(state.wrong);
  if (wrong == kFine && pending > 1) wrong = kTwoPending;
  if (wrong == kFine && finished(state)) {
    if (pending > 0) {
      wrong = kPendingLeft;
    } else if (ours > 1) {
      wrong = kTwoLeft;
    } else if (ours == 1 && value_of(state, left) != state.value) {
      wrong = kCacheIsNotDatabase;
    }
  }
  switch (wrong) {
    case kFine:
      return nullptr;
    case kStaleRead:
      return "stale read: a get returned less than what was known before it began";
    case kInstalledAfterApplied:
      return "installed after applied: a write was committed before its entry was in the table";
    case kTwoPending:
      return "two pending entries of one key";
    case kTwoLeft:
      return "two entries of one key are left at the end";
    case kPendingLeft:
      return "a pending entry is left at the end";
    case kCacheIsNotDatabase:
      return "cache and database disagree at the end";
    case kChainTooShort:
      return "bound of the model: the chain is too short";
    case kTooManyFlights:
      return "bound of the model: too many flights";
  }
  return "unknown";
}

// --- words for people ---

namespace {

std::string number(std::size_t value) { return std::to_string(value); }

std::string place_name(CacheProtocol::Place place) {
  if (place < CacheProtocol::kSlotsMax) return "slot" + number(place);
  if (place < CacheProtocol::kSlotsMax + CacheProtocol::kNodesMax) {
    return "chain" + number(place - CacheProtocol::kSlotsMax);
  }
  return place == CacheProtocol::kSlotsMax + CacheProtocol::kNodesMax ? "chain head" : "-";
}

std::string name_of(CacheProtocol::Ref ref) {
  if (ref == 0) return ".";
  if (ref == 0x10) return "foreign";
  if ((ref & 0x20) != 0) return "pending" + number(ref & 0x0F);
  if ((ref & 0x40) != 0) return "fill" + number(ref & 0x0F);
  return "real" + number(ref);
}

const char* name_of(CacheProtocol::WriterAt at) {
  static constexpr const char* kNames[] = {"unborn", "search",      "replace", "place",   "raise",
                                           "dedupe", "raise again", "remove",  "foreign", "done"};
  return kNames[static_cast<std::size_t>(at)];
}

const char* name_of(CacheProtocol::ReaderAt at) {
  static constexpr const char* kNames[] = {
      "find",           "last look",      "miss",       "find (locked)",     "last look (locked)",
      "place (locked)", "raise (locked)", "find again", "last look (again)", "withdraw",
      "stands",         "waiting",        "done"};
  return kNames[static_cast<std::size_t>(at)];
}

}  // namespace

std::string CacheProtocol::describe(const State& state, const Step& step) const {
  const std::string index = number(step.index);
  switch (step.actor) {
    case Actor::kClaim:
      return "a writer claims ticket " + number(state.claimed + std::size_t{1});
    case Actor::kWriter: {
      const Writer& writer = state.writers[step.index];
      std::string text = "writer " + number(step.index + std::size_t{1}) + ": " + name_of(writer.at);
      if (writer.at == WriterAt::kPlace) text += " in " + place_name(step.choice);
      if (writer.at == WriterAt::kSearch || writer.at == WriterAt::kDedupe) {
        text += ", looks at " + place_name(writer.next == kBegin ? after_place(state, kBegin) : writer.next);
      }
      return text;
    }
    case Actor::kReader: {
      const Reader& reader = state.readers[step.index];
      std::string text = "reader " + index + ": " + name_of(reader.at);
      if (reader.at == ReaderAt::kPlace) text += " in " + place_name(step.choice);
      if (reader.at == ReaderAt::kFind || reader.at == ReaderAt::kFindLocked || reader.at == ReaderAt::kFindAgain) {
        text += ", looks at " + place_name(reader.next == kBegin ? after_place(state, kBegin) : reader.next);
      }
      return text;
    }
    case Actor::kTake:
      return "loader: takes the queue and a snapshot";
    case Actor::kLand:
      return "loader: lands flight " + index;
    case Actor::kCommit:
      return "flusher: commits " + number(state.committed + std::size_t{1});
    case Actor::kRaiseApplied:
      return "flusher: raises the watermark";
    case Actor::kEvict:
      return "evictor: removes " + name_of(entry_in(state, step.index)) + " from " + place_name(step.index);
  }
  return "";
}

std::string CacheProtocol::describe(const State& state) const {
  std::string text = "[";
  for (std::size_t slot = 0; slot < config_.slots; ++slot) text += " " + name_of(state.slots[slot]);
  text += " |";
  for (const Ref ref : state.chain) {
    if (ref != 0) text += " " + name_of(ref);
  }
  text += " ] committed " + number(state.committed) + " applied " + number(state.applied) + " value " +
          number(state.value) + " known " + number(state.known);
  if (state.taken != 0) text += " snapshot " + number(state.snapshot_value);
  for (std::size_t index = 0; index < state.claimed; ++index) {
    const Writer& writer = state.writers[index];
    text += "; w" + number(index + 1) + " " + name_of(writer.at);
    if (writer.found != 0) text += " " + name_of(writer.found) + "@" + place_name(writer.found_in);
  }
  for (std::size_t index = 0; index < config_.readers; ++index) {
    const Reader& reader = state.readers[index];
    text += "; r" + number(index) + " " + name_of(reader.at);
    if (reader.found != 0) text += " " + name_of(reader.found) + "@" + place_name(reader.found_in);
    if (reader.pending != 0) text += " own/waits " + name_of(reader.pending);
    if (reader.need != kNotBegun) text += " need " + number(reader.need);
  }
  return text;
}

}  // namespace dictsqlite::model
