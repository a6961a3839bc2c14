#include "model/checker/location.hpp"

#include "base/assert.hpp"

namespace dictsqlite::checker {

Location& Locations::add(const void* address, std::uint64_t raw, const Contended& contended) {
  DICTSQLITE_ASSERT(used_ < kLocationsMax, "a scenario is small");
  if (used_ == locations_.size()) locations_.emplace_back();
  Location& location = locations_[used_];
  location.history.begin(raw);
  location.address = address;
  location.identity = address;
  location.number = static_cast<std::uint32_t>(used_++);
  location.readers = 0;
  location.writers = 0;
  location.is_contended = contended.contains(address);
  return location;
}

}  // namespace dictsqlite::checker
