#include "support/fault_backend.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace dictsqlite::testing_support {

class FaultBackend final : public io::IoBackend {
 public:
  FaultBackend(std::unique_ptr<io::IoBackend> below, SyncFaults& faults) : below_(std::move(below)), faults_(faults) {}

  void finish() noexcept override { below_->finish(); }
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override {
    ++faults_.syncs_;
    waiting_.push_back({fd, tag});
    let_go_on();
  }
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override { below_->submit_full_sync(fd, tag); }
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override {
    waiting_writes_.push_back({fd, bytes, offset, tag});
    let_go_on();
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    below_->submit_write(fd, bytes, offset, tag);
  }
  std::size_t wait(base::Instant deadline, std::span<io::IoCompletion> out) noexcept override {
    const std::size_t count = poll(out);
    return count != 0 ? count : below_->wait(deadline, out);
  }
  std::size_t poll(std::span<io::IoCompletion> out) noexcept override {
    let_go_on();
    if (failed_.empty()) return below_->poll(out);
    out[0] = failed_.back();
    failed_.pop_back();
    return 1;
  }
  void wake() noexcept override {
    ++faults_.wakes_;
    below_->wake();
  }
  [[nodiscard]] std::string_view name() const noexcept override { return below_->name(); }

 private:
  struct Sync {
    int fd;
    std::uint64_t tag;
  };

  struct Write {
    int fd;
    std::span<const std::byte> bytes;
    std::uint64_t offset;
    std::uint64_t tag;
  };

  void let_go_on() {
    let_syncs_go_on();
    if (faults_.writes_held_) return;
    for (const Write& write : std::exchange(waiting_writes_, {})) {
      if (faults_.writes_left_ > 0) {
        --faults_.writes_left_;
        failed_.push_back({write.tag, -faults_.write_error_});
      } else {
        below_->submit_durable_write(write.fd, write.bytes, write.offset, write.tag);
      }
    }
  }
  void let_syncs_go_on() {
    if (faults_.held_) return;
    for (const Sync& sync : std::exchange(waiting_, {})) {
      if (faults_.left_ > 0) {
        --faults_.left_;
        failed_.push_back({sync.tag, -faults_.error_});
      } else {
        below_->submit_data_sync(sync.fd, sync.tag);
      }
    }
  }

  std::unique_ptr<io::IoBackend> below_;
  SyncFaults& faults_;
  // The owner thread's.
  std::vector<Sync> waiting_;
  std::vector<Write> waiting_writes_;
  std::vector<io::IoCompletion> failed_;
};

absl::StatusOr<io::OpenedBackend> SyncFaults::open(io::BackendChoice choice, const std::string& directory) {
  absl::StatusOr<io::OpenedBackend> opened = below_.open(below_.context, choice, directory);
  if (opened.ok()) opened->backend = std::make_unique<FaultBackend>(std::move(opened->backend), *this);
  return opened;
}

}  // namespace dictsqlite::testing_support
