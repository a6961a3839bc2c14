#include "crash/numbered_writes.hpp"

#include <cstddef>
#include <utility>

namespace dictsqlite::crash_testing {

namespace {

constexpr std::size_t kKeys = 17;
constexpr const char* kBatchKey = "of every batch";

}  // namespace

std::uint64_t NumberedWrites::drawn(std::uint64_t number, unsigned which) const noexcept {
  const std::uint64_t life = number < lives_.size() ? lives_[number] : life_;
  std::uint64_t mixed = seed_ * 0x9E3779B97F4A7C15u + (life << 40) + number * 8 + which;
  mixed = (mixed ^ mixed >> 31) * 0x7FB5D329728EA185u;
  mixed = (mixed ^ mixed >> 27) * 0x81DADEF4BC2DD44Du;
  return mixed ^ mixed >> 33;
}

NumberedWrites::Kind NumberedWrites::kind(std::uint64_t number) const noexcept {
  switch (drawn(number, 0) % 6) {
    case 0:
      return Kind::kErase;
    case 1:
      return Kind::kBatch;
    default:
      return Kind::kSet;
  }
}

std::string NumberedWrites::key(std::uint64_t number) const {
  return "key " + std::to_string(drawn(number, 1) % kKeys);
}

std::string NumberedWrites::other_key(std::uint64_t number) const {
  return "key " + std::to_string(drawn(number, 5) % kKeys);
}

// A few bytes, a page or so, or several units of the log.
std::string NumberedWrites::value(std::uint64_t number) const {
  const std::uint64_t size = drawn(number, 2);
  const std::uint64_t kind = drawn(number, 3) % 16;
  const std::size_t bytes = kind == 0 ? 5'000 + size % 5'000 : kind < 4 ? size % 900 : size % 60;
  return key(number) + " " + std::to_string(number) + " " + std::to_string(drawn(number, 4)) + " " +
         std::string(bytes, static_cast<char>('a' + number % 26));
}

WriteBatch NumberedWrites::batch(std::uint64_t number) const {
  WriteBatch batch;
  batch.set(key(number), value(number));
  batch.erase(other_key(number));
  batch.set(kBatchKey, value(number));
  return batch;
}

void NumberedWrites::apply(std::uint64_t number, Rows& rows) const {
  const Kind kind = this->kind(number);
  if (kind == Kind::kErase) {
    rows.erase(key(number));
    return;
  }
  const auto value = std::make_shared<const std::string>(this->value(number));
  rows[key(number)] = value;
  if (kind == Kind::kSet) return;
  rows.erase(other_key(number));
  rows[kBatchKey] = value;
}

void NumberedWrites::go_on_from(std::uint64_t count) {
  static_cast<void>(after(count));
  after_.resize(count + 1);
  lives_.resize(count + 1, life_);
  ++life_;
}

const NumberedWrites::Rows& NumberedWrites::after(std::uint64_t count) {
  if (after_.empty()) after_.emplace_back();
  while (after_.size() <= count) {
    Rows rows = after_.back();
    apply(after_.size(), rows);
    after_.push_back(std::move(rows));
  }
  return after_[count];
}

}  // namespace dictsqlite::crash_testing
