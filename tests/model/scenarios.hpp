// The scenarios: the library's lock-free structures, as they are, over checked atomics.
#pragma once

#include "model/checker/weakenings.hpp"

#include <vector>

namespace dictsqlite::checker {

[[nodiscard]] std::vector<Study> ring_studies();
[[nodiscard]] std::vector<Study> hand_over_studies();
[[nodiscard]] std::vector<Study> batch_gate_studies();
[[nodiscard]] std::vector<Study> reclaimer_studies();
[[nodiscard]] std::vector<Study> table_studies();
[[nodiscard]] std::vector<Study> slab_studies();
[[nodiscard]] std::vector<Study> handle_count_studies();

}  // namespace dictsqlite::checker
