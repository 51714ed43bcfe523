#include "core/hooks/selections.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/hooks/json_text.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxShown = 20;
constexpr std::size_t kMaxShownCharacters = 200;

// False only for plain member paths like "$.resource.repository.name", which surely never meet refUpdates.
bool may_see_refs(std::string_view query) noexcept {
  if (!query.starts_with("$.") || query.find("..") != std::string_view::npos) return true;
  if (query.find("refUpdates") != std::string_view::npos || query == "$.resource") return true;
  return !std::all_of(query.begin() + 1, query.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

Selection evaluate(const json::JsonPath& path, const json::Document& document, const json::EvaluateOptions& options) {
  Selection selection;
  try {
    selection.values = path.select(document, options);
  } catch (const Error& error) {
    selection.problem = error.kind() == ErrorKind::kExhausted ? "the query visited too many nodes" : error.what();
    return selection;
  }
  selection.texts.reserve(selection.values.size());
  for (const auto& value : selection.values) {
    switch (value.type()) {
      case json::Type::kString:
        selection.texts.push_back(value.string().value_or(""));
        break;
      case json::Type::kNull:
      case json::Type::kBoolean:
      case json::Type::kNumber:
        selection.texts.push_back(selection.owned_texts.emplace_back(value.to_text()));
        break;
      case json::Type::kArray:
      case json::Type::kObject:
        break;
    }
  }
  return selection;
}

}  // namespace

std::size_t Selections::add(const json::JsonPath& path) {
  const auto [found, inserted] = slot_of_.try_emplace(path.text(), slots_.size());
  if (inserted) slots_.push_back({&path, may_see_refs(path.text()), std::nullopt});
  return found->second;
}

void Selections::focus_on(const RefUpdate* ref) {
  focus_.reset();
  if (ref != nullptr) focus_ = json::ArrayFocus{{"resource", "refUpdates"}, ref->index};
  for (auto& slot : slots_) {
    if (slot.sees_refs) slot.selection.reset();
  }
}

const Selection& Selections::get(std::size_t slot) {
  auto& entry = slots_[slot];
  if (!entry.selection) {
    entry.selection = evaluate(*entry.path, *event_.document, {&remaining_visits_, focus_ ? &*focus_ : nullptr});
  }
  return *entry.selection;
}

const std::vector<std::string>& Selections::shown(std::size_t slot) {
  get(slot);
  auto& selection = *slots_[slot].selection;
  if (!selection.shown) {
    selection.shown.emplace();
    for (const auto& value : selection.values) {
      if (selection.shown->size() == kMaxShown) break;
      selection.shown->push_back(bounded_json(value, kMaxShownCharacters));
    }
  }
  return *selection.shown;
}

}  // namespace penstock::hooks
