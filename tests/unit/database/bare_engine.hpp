// BareEngine: an engine with its memory and no threads, for tests of what stands on nothing else.
#pragma once

#include "database/engine.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

namespace dictsqlite::detail {

/// Thread-safety: as the engine. Ownership: the owner's handle; whatever else holds the engine may outlive it.
class BareEngine {
 public:
  explicit BareEngine(Options options = memory_only()) {
    absl::StatusOr<EngineHandle> created = Engine::create(options, Surroundings{});
    EXPECT_TRUE(created.ok()) << created.status();
    if (created.ok()) owner_ = *std::move(created);
  }
  ~BareEngine() { end(); }
  BareEngine(const BareEngine&) = delete;
  BareEngine& operator=(const BareEngine&) = delete;

  [[nodiscard]] static Options memory_only() {
    Options options;
    options.persist_mode = PersistMode::kMemory;
    options.cache_bytes = 4u << 20;
    return options;
  }

  [[nodiscard]] Engine& operator*() const noexcept { return *owner_.get(); }
  [[nodiscard]] Engine* operator->() const noexcept { return owner_.get(); }
  [[nodiscard]] const EngineHandle& handle() const noexcept { return owner_; }
  [[nodiscard]] entry::EntryPool& pool() const noexcept { return owner_.get()->cache().pool(); }

  /// What the end of a Database does.
  void end() noexcept {
    if (!owner_) return;
    owner_.get()->shutdown();
    owner_.get()->let_go();
    owner_.reset();
  }

 private:
  EngineHandle owner_;
};

}  // namespace dictsqlite::detail
