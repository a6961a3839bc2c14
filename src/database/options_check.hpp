// check_options(): one sentence for each mistake, naming the option. Pure, path look-ups aside.
#pragma once

#include <dictsqlite/options.hpp>

#include <absl/status/status.h>

namespace dictsqlite::detail {

/// Errors: kInvalidArgument.
[[nodiscard]] absl::Status check_options(const Options& options);

}  // namespace dictsqlite::detail
