// SimulatedDisk: files in memory that lose power. It keeps apart what a program sees and what is on the disk, and knows
// of everything that is under way between the two.
//
//   write        is seen at once; on the disk it is under way until a sync of the file that began later has ended
//   durable one  is under way until it ends
//   name         created, given, or removed: under way until a sync of the directory has ended
//   sync fails   any of the sectors under way is lost; what is seen stays as it is, and the next sync finds nothing to
//   do
//
// after_power_cut() makes the disk that the next life finds: of what was under way any sectors of 512 bytes and any
// names. after_kill() the one that a killed process leaves: all that is seen, and requests in flight done or not; those
// may also land later.
//
// Thread-safety: one thread at a time; under a Simulation those that have the turn.
#pragma once

#include "io/file_access.hpp"
#include "io/io_backend.hpp"
#include "support/paged_bytes.hpp"
#include "support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dictsqlite::testing_support {

class SimulatedDisk final : public io::FileAccess {
 public:
  static constexpr std::size_t kSector = 512;

  enum class Call : std::uint8_t {
    kCreate,
    kOpen,
    kRead,
    kWrite,
    kDurableWrite,
    kTruncate,
    kDataSync,
    kFullSync,
    kList
  };
  /// What becomes of a call: nothing special, an errno, or for a write so many bytes of it.
  struct Fate {
    int error = 0;
    std::optional<std::size_t> bytes{};
  };

  /// Asked before every call, if set.
  std::function<Fate(Call call, const std::string& path)> on_call;
  bool knows_direct = true;

  // FileAccess
  absl::StatusOr<std::string> resolve_directory(const std::string& path) override { return path; }
  absl::StatusOr<io::FileFacts> facts(const std::string& path) override;
  absl::Status create_private(const std::string& path) override;
  absl::StatusOr<io::Publication> publish(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) noexcept override;
  absl::Status sync_directory(const std::string& path) override;
  absl::StatusOr<int> open_log(const std::string& path) override { return open_file(path); }
  void close_log(int fd) noexcept override { close_file(fd); }
  absl::StatusOr<int> create_file(const std::string& path, io::FileCaching caching) override;
  absl::StatusOr<int> open_file(const std::string& path) override;
  absl::StatusOr<int> open_directory_of(const std::string& path) override;
  void close_file(int fd) noexcept override;
  absl::StatusOr<std::size_t> read(int fd, std::uint64_t offset, std::span<std::byte> to) override;
  int data_sync(int fd) noexcept override;
  absl::StatusOr<std::vector<std::string>> list(const std::string& prefix) override;

  // --- at once, for SQLite ---

  /// Creates the file if it is missing and that is wanted. Errors: as open_file().
  [[nodiscard]] absl::StatusOr<int> open_or_create(const std::string& path, bool create);
  /// 0 or an errno. The bytes are seen at once and on the disk after a sync.
  [[nodiscard]] int write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset);
  [[nodiscard]] int truncate(int fd, std::uint64_t size);
  [[nodiscard]] std::uint64_t size(int fd) const { return open_.at(fd).inode->seen.size(); }
  /// Names the file of an open descriptor, for as long as it exists.
  [[nodiscard]] const void* identity(int fd) const { return open_.at(fd).inode.get(); }

  // --- requests, which begin and end ---

  using Request = std::size_t;
  [[nodiscard]] Request begin_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset, bool durable);
  [[nodiscard]] Request begin_sync(int fd, bool full);
  /// The result, as the system call's or -errno.
  std::int64_t end(Request request);

  /// A backend whose requests end in an order drawn from `random`, one a look.
  [[nodiscard]] std::unique_ptr<io::IoBackend> backend(Random& random);

  // --- ends of a life ---

  /// Something on its way to the disk: a write, the cutting of a file, or a change of a name.
  struct UnderWay {
    std::uint64_t id;     // never used again
    std::size_t sectors;  // 1: arrives or does not
    bool is_name;
  };
  /// Which sectors of it arrive: number n if bit n % 64 is set.
  using Arrival = std::uint64_t;
  static constexpr Arrival kLost = 0;
  static constexpr Arrival kArrived = std::numeric_limits<Arrival>::max();

  /// Oldest first.
  [[nodiscard]] std::vector<UnderWay> under_way() const;
  /// `arrivals` has one for each of under_way().
  [[nodiscard]] std::unique_ptr<SimulatedDisk> after_power_cut(std::span<const Arrival> arrivals) const;
  /// With arrivals by chance.
  [[nodiscard]] std::unique_ptr<SimulatedDisk> after_power_cut(Random& random) const;
  /// Another number whenever a power cut that loses everything under way would leave another disk.
  [[nodiscard]] std::uint64_t durable_version() const noexcept { return durable_version_; }

  [[nodiscard]] std::unique_ptr<SimulatedDisk> after_kill(Random& random) const;
  /// Of after_kill(): what was in flight lands now, or what of it can.
  void land_late(Random& random);
  [[nodiscard]] bool has_late() const noexcept { return !late_.empty(); }

  /// What a reader of the file sees; empty if there is none.
  [[nodiscard]] std::vector<std::byte> content(const std::string& path) const;
  /// Changes it, on the disk as well.
  void damage(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes);
  [[nodiscard]] std::size_t open_files() const noexcept { return open_.size(); }

 private:
  struct Part {
    std::uint64_t id = 0;
    std::uint64_t offset = 0;
    std::shared_ptr<const std::vector<std::byte>> written{};  // null: the file ends at `offset`

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
      return written == nullptr ? std::span<const std::byte>() : std::span<const std::byte>(*written);
    }
  };
  struct Inode {
    PagedBytes seen;
    PagedBytes durable;
    std::vector<Part> under_way;  // in order
  };
  using InodePtr = std::shared_ptr<Inode>;
  struct NameChange {
    std::uint64_t id;
    std::string path;
    InodePtr inode;  // null: removed
  };
  struct OpenFile {
    InodePtr inode;  // null: a directory
    std::string path;
  };
  struct InFlight {
    InodePtr inode;
    std::string path;
    Call call;
    Part part;                // of a write
    std::uint64_t up_to = 0;  // of a sync: parts before this id
    std::size_t names = 0;    // of a directory's: changes before this one
    std::int64_t result = 0;
  };

  [[nodiscard]] Fate fate(Call call, const std::string& path);
  [[nodiscard]] int add_open(InodePtr inode, const std::string& path);
  void change_name(const std::string& path, InodePtr inode);
  static void apply(PagedBytes& to, const Part& part);
  static void apply_some(PagedBytes& to, const Part& part, Arrival arrival);
  [[nodiscard]] static std::size_t sectors(const Part& part) noexcept;
  /// All files that a power cut could leave a name to.
  [[nodiscard]] std::vector<const Inode*> inodes() const;
  void sync_inode(Inode& inode, std::uint64_t up_to, int error);
  [[nodiscard]] InodePtr copy(const InodePtr& inode, std::map<const Inode*, InodePtr>& copies) const;

  std::map<std::string, InodePtr> names_;
  std::map<std::string, InodePtr> durable_names_;
  std::vector<NameChange> name_changes_;  // under way
  std::map<int, OpenFile> open_;
  std::map<Request, InFlight> in_flight_;
  std::vector<std::pair<InodePtr, Part>> late_;
  int next_fd_ = 1000;
  Request next_request_ = 0;
  std::uint64_t next_part_ = 1;
  std::uint64_t durable_version_ = 0;
  Random lost_{77};  // which sectors a failed sync loses
};

}  // namespace dictsqlite::testing_support
