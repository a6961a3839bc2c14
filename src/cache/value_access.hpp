// ValueAccess: how an entry's bytes become a Value. Short ones are copied, longer ones shared and counted.
#pragma once

#include <dictsqlite/detail/completion.hpp>
#include <dictsqlite/detail/few_bytes.hpp>
#include <dictsqlite/value.hpp>

#include "entry/entry_pool.hpp"

namespace dictsqlite::detail {

class ValueAccess {
  static_assert(Value::kInlineBytes <= entry::kPaddedValueMax, "what is copied can be read in whole words");

 public:
  /// The same for values that are copied; false for others.
  [[nodiscard]] static bool assign_short(Value& value, const entry::Entry& entry) noexcept {
    if (DICTSQLITE_UNLIKELY(entry.value_bytes > Value::kInlineBytes)) return false;
    value.size_ = entry.value_bytes;
    copy_padded<Value::kInlineBytes>(value.storage_.bytes, entry.value().data(), entry.value_bytes);
    return true;
  }
  /// `value` must be empty. The caller holds a guard or a reference on the entry. A shared value keeps the engine.
  static void assign(Value& value, entry::Entry& entry, const EngineHandle& engine) noexcept {
    const std::string_view bytes = entry.value();
    value.size_ = bytes.size();
    if (bytes.size() <= Value::kInlineBytes) {
      copy_padded<Value::kInlineBytes>(value.storage_.bytes, bytes.data(), bytes.size());
    } else {
      value.storage_.shared = {bytes.data(), reinterpret_cast<SharedBytes*>(&entry), engine.get()};
      retain(value.storage_.shared);
    }
  }
};

}  // namespace dictsqlite::detail
