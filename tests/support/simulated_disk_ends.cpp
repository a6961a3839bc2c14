// The ends of a life on a SimulatedDisk: what a power cut or a kill leaves of it.
#include "support/simulated_disk.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace dictsqlite::testing_support {

SimulatedDisk::InodePtr SimulatedDisk::copy(const InodePtr& inode, std::map<const Inode*, InodePtr>& copies) const {
  InodePtr& made = copies[inode.get()];
  if (made == nullptr) made = std::make_shared<Inode>(*inode);
  return made;
}

std::size_t SimulatedDisk::sectors(const Part& part) noexcept {
  if (part.bytes().empty()) return 1;
  return (part.offset + part.bytes().size() - 1) / kSector - part.offset / kSector + 1;
}

void SimulatedDisk::apply_some(PagedBytes& to, const Part& part, Arrival arrival) {
  if (arrival == kLost) return;
  if (arrival == kArrived) return apply(to, part);
  if (part.written == nullptr) {
    if ((arrival & 1) != 0) apply(to, part);
    return;
  }
  std::span<const std::byte> bytes = part.bytes();
  std::uint64_t offset = part.offset;
  for (std::size_t sector = 0; !bytes.empty(); ++sector) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), kSector - offset % kSector);
    if ((arrival >> sector % 64 & 1) != 0) to.put(offset, bytes.first(count));
    bytes = bytes.subspan(count);
    offset += count;
  }
}

std::vector<const SimulatedDisk::Inode*> SimulatedDisk::inodes() const {
  std::vector<const Inode*> all;
  for (const auto& [path, inode] : durable_names_) all.push_back(inode.get());
  for (const NameChange& change : name_changes_) {
    if (change.inode != nullptr) all.push_back(change.inode.get());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<SimulatedDisk::UnderWay> SimulatedDisk::under_way() const {
  std::vector<UnderWay> all;
  for (const NameChange& change : name_changes_) all.push_back({change.id, 1, true});
  for (const Inode* inode : inodes()) {
    for (const Part& part : inode->under_way) all.push_back({part.id, sectors(part), false});
  }
  std::sort(all.begin(), all.end(), [](const UnderWay& a, const UnderWay& b) { return a.id < b.id; });
  return all;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_power_cut(std::span<const Arrival> arrivals) const {
  const std::vector<UnderWay> all = under_way();
  if (all.size() != arrivals.size()) std::abort();
  const auto arrival = [&](std::uint64_t id) {
    const auto found = std::lower_bound(all.begin(), all.end(), id,
                                        [](const UnderWay& each, std::uint64_t of) { return each.id < of; });
    return arrivals[static_cast<std::size_t>(found - all.begin())];
  };
  auto next = std::make_unique<SimulatedDisk>();
  next->knows_direct = knows_direct;
  std::map<const Inode*, InodePtr> copies;
  const auto copy_of = [&](const InodePtr& inode) {
    InodePtr& made = copies[inode.get()];
    if (made != nullptr) return made;
    made = std::make_shared<Inode>();
    made->durable = inode->durable;
    for (const Part& part : inode->under_way) apply_some(made->durable, part, arrival(part.id));
    made->seen = made->durable;
    return made;
  };
  for (const auto& [path, inode] : durable_names_) next->names_[path] = copy_of(inode);
  for (const NameChange& change : name_changes_) {
    if ((arrival(change.id) & 1) == 0) continue;
    if (change.inode == nullptr) {
      next->names_.erase(change.path);
    } else {
      next->names_[change.path] = copy_of(change.inode);
    }
  }
  next->durable_names_ = next->names_;
  return next;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_power_cut(Random& random) const {
  std::vector<Arrival> arrivals(under_way().size());
  for (Arrival& each : arrivals) each = random.next();
  return after_power_cut(arrivals);
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_kill(Random& random) const {
  auto next = std::make_unique<SimulatedDisk>();
  next->knows_direct = knows_direct;
  next->next_part_ = next_part_;
  std::map<const Inode*, InodePtr> copies;
  for (const auto& [path, inode] : names_) next->names_[path] = copy(inode, copies);
  for (const auto& [path, inode] : durable_names_) next->durable_names_[path] = copy(inode, copies);
  for (const NameChange& change : name_changes_) {
    next->name_changes_.push_back(
        {change.id, change.path, change.inode == nullptr ? nullptr : copy(change.inode, copies)});
  }
  for (const auto& [id, request] : in_flight_) {
    if (request.inode == nullptr || request.part.bytes().empty()) continue;
    const InodePtr inode = copy(request.inode, copies);
    if (random.one_in(2)) continue;  // done already
    std::erase_if(inode->under_way, [&](const Part& part) { return part.id == request.part.id; });
    next->late_.emplace_back(inode, request.part);
  }
  // What is late is not seen yet: as if it had not been written.
  for (const auto& [inode, part] : next->late_) {
    PagedBytes seen = inode->durable;
    for (const Part& other : inode->under_way) apply(seen, other);
    if (seen.size() < inode->seen.size()) seen.resize(inode->seen.size());
    inode->seen = std::move(seen);
  }
  return next;
}

void SimulatedDisk::land_late(Random& random) {
  for (auto& [inode, part] : late_) {
    apply_some(inode->seen, part, random.next());
    inode->under_way.push_back({next_part_++, part.offset, part.written});
  }
  late_.clear();
}

std::vector<std::byte> SimulatedDisk::content(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return {};
  std::vector<std::byte> bytes(found->second->seen.size());
  found->second->seen.get(0, bytes);
  return bytes;
}

void SimulatedDisk::damage(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes) {
  Inode& inode = *names_.at(path);
  inode.seen.put(offset, bytes);
  inode.durable.put(offset, bytes);
  ++durable_version_;
}

}  // namespace dictsqlite::testing_support
