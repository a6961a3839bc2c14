#include "model/checker/site.hpp"

namespace dictsqlite::checker {

std::string_view name_of(Operation operation) noexcept {
  switch (operation) {
    case Operation::kLoad:
      return "load";
    case Operation::kStore:
      return "store";
    case Operation::kModify:
      return "modify";
    case Operation::kCompareExchange:
      return "compare";
    case Operation::kFence:
      return "fence";
  }
  return "?";
}

std::string_view name_of(std::memory_order order) noexcept {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

Place::Place(const std::source_location& location) noexcept
    : file(location.file_name()), line(location.line()), column(location.column()) {
  for (const std::string_view top : {"/src/", "/tests/"}) {
    const std::size_t at = file.rfind(top);
    if (at != std::string_view::npos) file.remove_prefix(at + 1);
  }
}

Orders Weakening::apply(Orders orders, bool has_own_failure_order) const noexcept {
  if (of_failure) return {orders.success, order};
  return {order, has_own_failure_order ? orders.failure : failure_order_of(order)};
}

std::string bare_function_name(std::string_view pretty) {
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";  // as clang calls it; GCC: {anonymous}::
  if (const std::size_t at = pretty.find(kUnnamed); at != std::string_view::npos) {
    return bare_function_name(std::string(pretty.substr(0, at)) + std::string(pretty.substr(at + kUnnamed.size())));
  }
  // A lambda is called after the function that it stands in, which comes first.
  std::size_t depth = 0;
  std::size_t begin = 0;
  std::size_t end = pretty.size();
  for (std::size_t at = 0; at < pretty.size(); ++at) {
    const char c = pretty[at];
    if (c == '<') ++depth;
    if (c == '>' && depth > 0) --depth;
    if (depth != 0) continue;
    if (c == '(') {
      end = at;
      break;
    }
    if (c == ' ' || c == ':' || c == '*' || c == '&') begin = at + 1;
  }
  std::string_view name = pretty.substr(begin, end - begin);
  name = name.substr(0, name.find('<'));
  return std::string(name);
}

}  // namespace dictsqlite::checker
