#include "crash/kill_loop_plan.hpp"

#include "support/random.hpp"

#include <charconv>
#include <cstdio>

namespace dictsqlite::kill_loop {

namespace {

using testing_support::Random;

constexpr std::size_t kChecksumDigits = 16;

std::string checksum_of(std::string_view text) {  // FNV-1a
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  char digits[kChecksumDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

// Mostly small; some outside the slab's blocks and on overflow pages.
std::size_t filler_bytes(Random& random) {
  if (random.one_in(20)) return random.below(kValueBytesMax - 100);
  return random.below(random.one_in(4) ? 2000 : 150);
}

PlannedRow plan_row(unsigned writer, std::uint64_t number, bool erase, Random& random) {
  std::string key = "w" + std::to_string(writer) + ":" + std::to_string(random.below(kKeysPerWriter));
  if (erase) return {true, std::move(key), ""};
  std::string value = key + "|" + std::to_string(number) + "|" + random.bytes(filler_bytes(random));
  value += checksum_of(value);
  return {false, std::move(key), std::move(value)};
}

Fence plan_fence(Random& random) {
  if (random.one_in(150)) return Fence::kFlush;
  return random.one_in(60) ? Fence::kSync : Fence::kNone;
}

}  // namespace

PlannedWrite plan_write(unsigned writer, std::uint64_t number) {
  // Odd multiplier: neighbouring streams of Random are one sequence, shifted by one.
  Random random((std::uint64_t{writer} << 48 | number) * 0xD1342543DE82EF95u);
  PlannedWrite write;
  const std::size_t rows = random.one_in(5) ? 2 + random.below(6) : 1;
  for (std::size_t i = 0; i < rows; ++i) write.rows.push_back(plan_row(writer, number, random.one_in(5), random));
  write.durable = random.one_in(7);
  write.fence = plan_fence(random);
  return write;
}

unsigned writer_of(std::string_view key) {
  if (key.size() < 4 || key[0] != 'w' || key[1] < '0' || key[2] != ':') return kWritersMax;
  const auto writer = static_cast<unsigned>(key[1] - '0');
  return writer < kWritersMax ? writer : kWritersMax;
}

std::uint64_t number_in(std::string_view key, std::string_view value) {
  const std::string head = std::string(key) + "|";
  if (value.size() < head.size() + kChecksumDigits || !value.starts_with(head)) return 0;
  const std::string_view text = value.substr(0, value.size() - kChecksumDigits);
  if (checksum_of(text) != value.substr(text.size())) return 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + head.size(), text.data() + text.size(), number);
  return number;
}

bool is_journaled(std::uint64_t round) { return testing_support::Random(round * 0x9FB21C651E98DF25u).one_in(2); }

}  // namespace dictsqlite::kill_loop
