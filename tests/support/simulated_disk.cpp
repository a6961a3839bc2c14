#include "support/simulated_disk.hpp"

#include "io/errno_status.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace dictsqlite::testing_support {

namespace {

// Ends one request a look, in any order.
class SoloBackend final : public io::IoBackend {
 public:
  SoloBackend(SimulatedDisk& disk, Random& random) : disk_(disk), random_(random) {}

  void finish() noexcept override {
    while (!pending_.empty()) static_cast<void>(end_one());
  }
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override {
    pending_.push_back({disk_.begin_sync(fd, false), tag});
  }
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override {
    pending_.push_back({disk_.begin_sync(fd, true), tag});
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    pending_.push_back({disk_.begin_write(fd, bytes, offset, false), tag});
  }
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override {
    pending_.push_back({disk_.begin_write(fd, bytes, offset, true), tag});
  }
  std::size_t wait(base::Instant /*deadline*/, std::span<io::IoCompletion> out) noexcept override { return poll(out); }
  std::size_t poll(std::span<io::IoCompletion> out) noexcept override {
    if (pending_.empty()) return 0;
    out[0] = end_one();
    return 1;
  }
  void wake() noexcept override {}
  [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }

 private:
  struct Pending {
    SimulatedDisk::Request request;
    std::uint64_t tag;
  };
  io::IoCompletion end_one() {
    const std::size_t index = random_.below(pending_.size());
    const Pending chosen = pending_[index];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
    return {chosen.tag, disk_.end(chosen.request)};
  }

  SimulatedDisk& disk_;
  Random& random_;
  std::vector<Pending> pending_;
};

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

}  // namespace

// --- names ---

SimulatedDisk::Fate SimulatedDisk::fate(Call call, const std::string& path) {
  return on_call ? on_call(call, path) : Fate{};
}

void SimulatedDisk::change_name(const std::string& path, InodePtr inode) {
  if (inode == nullptr) {
    names_.erase(path);
  } else {
    names_[path] = inode;
  }
  name_changes_.push_back({next_part_++, path, std::move(inode)});
}

absl::StatusOr<io::FileFacts> SimulatedDisk::facts(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return io::FileFacts{};
  return io::FileFacts{io::FileKind::kRegular, found->second->seen.size()};
}

absl::Status SimulatedDisk::create_private(const std::string& path) {
  const absl::StatusOr<int> fd = create_file(path, io::FileCaching::kCached);
  if (fd.ok()) close_file(*fd);
  return fd.status();
}

absl::StatusOr<io::Publication> SimulatedDisk::publish(const std::string& from, const std::string& to) {
  if (names_.contains(to)) return io::Publication::kNameTaken;
  const InodePtr inode = names_.at(from);
  change_name(from, nullptr);
  change_name(to, inode);
  return io::Publication::kPublished;
}

void SimulatedDisk::remove(const std::string& path) noexcept {
  if (names_.contains(path)) change_name(path, nullptr);
}

absl::Status SimulatedDisk::sync_directory(const std::string& path) {
  const absl::StatusOr<int> fd = open_directory_of(path);
  if (!fd.ok()) return fd.status();
  const std::int64_t result = end(begin_sync(*fd, true));
  close_file(*fd);
  if (result < 0) return absl::InternalError(io::errno_text(static_cast<int>(-result)));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SimulatedDisk::list(const std::string& prefix) {
  const Fate fated = fate(Call::kList, prefix);
  if (fated.error != 0) return io::errno_status(fated.error, "listing");
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) {
    if (path.starts_with(prefix)) paths.push_back(path);
  }
  return paths;
}

// --- open files ---

int SimulatedDisk::add_open(InodePtr inode, const std::string& path) {
  open_[next_fd_] = {std::move(inode), path};
  return next_fd_++;
}

absl::StatusOr<int> SimulatedDisk::create_file(const std::string& path, io::FileCaching caching) {
  const Fate fated = fate(Call::kCreate, path);
  if (fated.error != 0) return io::errno_status(fated.error, "creating '" + path + "'");
  if (names_.contains(path)) return io::errno_status(EEXIST, "creating '" + path + "'");
  if (caching == io::FileCaching::kDirect && !knows_direct) return absl::UnimplementedError("no direct I/O");
  InodePtr inode = std::make_shared<Inode>();
  change_name(path, inode);
  return add_open(std::move(inode), path);
}

absl::StatusOr<int> SimulatedDisk::open_file(const std::string& path) {
  const Fate fated = fate(Call::kOpen, path);
  if (fated.error != 0) return io::errno_status(fated.error, "opening '" + path + "'");
  const auto found = names_.find(path);
  if (found == names_.end()) return io::errno_status(ENOENT, "opening '" + path + "'");
  return add_open(found->second, path);
}

absl::StatusOr<int> SimulatedDisk::open_directory_of(const std::string& path) {
  const Fate fated = fate(Call::kOpen, directory_of(path));
  if (fated.error != 0) return io::errno_status(fated.error, "opening the directory");
  return add_open(nullptr, directory_of(path));
}

void SimulatedDisk::close_file(int fd) noexcept {
  if (open_.erase(fd) == 0) std::abort();  // closed twice
}

absl::StatusOr<std::size_t> SimulatedDisk::read(int fd, std::uint64_t offset, std::span<std::byte> to) {
  const OpenFile& file = open_.at(fd);
  const Fate fated = fate(Call::kRead, file.path);
  if (fated.error != 0) return io::errno_status(fated.error, "reading '" + file.path + "'");
  const PagedBytes& seen = file.inode->seen;
  if (offset >= seen.size()) return 0;
  const std::size_t count = std::min<std::size_t>(to.size(), seen.size() - offset);
  seen.get(offset, to.first(count));
  return count;
}

int SimulatedDisk::data_sync(int fd) noexcept { return static_cast<int>(-end(begin_sync(fd, false))); }

absl::StatusOr<int> SimulatedDisk::open_or_create(const std::string& path, bool create) {
  if (create && !names_.contains(path)) return create_file(path, io::FileCaching::kCached);
  return open_file(path);
}

int SimulatedDisk::write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
  const std::int64_t result = end(begin_write(fd, bytes, offset, false));
  if (result < 0) return static_cast<int>(-result);
  return static_cast<std::size_t>(result) == bytes.size() ? 0 : ENOSPC;  // as SQLite takes a short write
}

int SimulatedDisk::truncate(int fd, std::uint64_t size) {
  const OpenFile& file = open_.at(fd);
  const Fate fated = fate(Call::kTruncate, file.path);
  if (fated.error != 0) return fated.error;
  const Part part{next_part_++, size};
  apply(file.inode->seen, part);
  file.inode->under_way.push_back(part);
  return 0;
}

// --- requests ---

void SimulatedDisk::apply(PagedBytes& to, const Part& part) {
  if (part.written == nullptr) {
    to.resize(std::min(to.size(), part.offset));
  } else {
    to.put(part.offset, part.bytes());
  }
}

SimulatedDisk::Request SimulatedDisk::begin_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                                  bool durable) {
  const OpenFile& file = open_.at(fd);
  InFlight request;
  request.inode = file.inode;
  request.path = file.path;
  request.call = durable ? Call::kDurableWrite : Call::kWrite;
  const Fate fated = fate(request.call, file.path);
  const std::size_t count = std::min(bytes.size(), fated.bytes.value_or(bytes.size()));
  request.result = fated.error != 0 ? -fated.error : static_cast<std::int64_t>(count);
  const std::span<const std::byte> taken = bytes.first(count);
  request.part = {next_part_++, offset, std::make_shared<const std::vector<std::byte>>(taken.begin(), taken.end())};
  apply(file.inode->seen, request.part);
  file.inode->under_way.push_back(request.part);  // also if it fails: any of it may be there
  in_flight_.emplace(next_request_, std::move(request));
  return next_request_++;
}

SimulatedDisk::Request SimulatedDisk::begin_sync(int fd, bool full) {
  const OpenFile& file = open_.at(fd);
  InFlight request;
  request.inode = file.inode;
  request.path = file.path;
  request.call = full ? Call::kFullSync : Call::kDataSync;
  request.up_to = next_part_;
  request.names = file.inode == nullptr && full ? name_changes_.size() : 0;
  request.result = -fate(request.call, file.path).error;
  in_flight_.emplace(next_request_, std::move(request));
  return next_request_++;
}

std::int64_t SimulatedDisk::end(Request request) {
  const InFlight done = std::move(in_flight_.at(request));
  in_flight_.erase(request);
  if (done.call == Call::kDurableWrite && done.result > 0) {
    ++durable_version_;
    apply(done.inode->durable, done.part);
    std::erase_if(done.inode->under_way, [&](const Part& part) { return part.id == done.part.id; });
  } else if (done.call == Call::kDataSync || done.call == Call::kFullSync) {
    if (done.inode != nullptr) {
      sync_inode(*done.inode, done.up_to, static_cast<int>(-done.result));
    } else if (done.result == 0) {
      const auto end_of =
          name_changes_.begin() + static_cast<std::ptrdiff_t>(std::min(done.names, name_changes_.size()));
      for (auto change = name_changes_.begin(); change != end_of; ++change) {
        if (change->inode == nullptr) {
          durable_names_.erase(change->path);
        } else {
          durable_names_[change->path] = change->inode;
        }
      }
      if (end_of != name_changes_.begin()) ++durable_version_;
      name_changes_.erase(name_changes_.begin(), end_of);
    }
  }
  return done.result;
}

void SimulatedDisk::sync_inode(Inode& inode, std::uint64_t up_to, int error) {
  std::vector<Part> later;
  for (Part& part : inode.under_way) {
    if (part.id >= up_to) {
      later.push_back(std::move(part));
    } else {
      ++durable_version_;
      apply_some(inode.durable, part, error == 0 ? kArrived : lost_.next());
    }
  }
  inode.under_way = std::move(later);
}

std::unique_ptr<io::IoBackend> SimulatedDisk::backend(Random& random) {
  return std::make_unique<SoloBackend>(*this, random);
}

}  // namespace dictsqlite::testing_support
