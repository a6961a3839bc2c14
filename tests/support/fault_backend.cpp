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
    if (faults_.left_ > 0) {
      --faults_.left_;
      failed_.push_back({tag, -faults_.error_});
      return;
    }
    below_->submit_data_sync(fd, tag);
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    below_->submit_write(fd, bytes, offset, tag);
  }
  std::size_t wait(base::Instant deadline, std::span<io::IoCompletion> out) noexcept override {
    return failed_.empty() ? below_->wait(deadline, out) : poll(out);
  }
  std::size_t poll(std::span<io::IoCompletion> out) noexcept override {
    if (failed_.empty()) return below_->poll(out);
    out[0] = failed_.back();
    failed_.pop_back();
    return 1;
  }
  void wake() noexcept override { below_->wake(); }
  [[nodiscard]] std::string_view name() const noexcept override { return below_->name(); }

 private:
  std::unique_ptr<io::IoBackend> below_;
  SyncFaults& faults_;
  std::vector<io::IoCompletion> failed_;  // the owner thread's
};

io::BackendOpener SyncFaults::opener() {
  return {this, [](void* faults, io::BackendChoice choice, const std::string& directory) {
            absl::StatusOr<io::OpenedBackend> opened = io::open_backend(choice, directory);
            if (opened.ok()) {
              opened->backend =
                  std::make_unique<FaultBackend>(std::move(opened->backend), *static_cast<SyncFaults*>(faults));
            }
            return opened;
          }};
}

}  // namespace dictsqlite::testing_support
