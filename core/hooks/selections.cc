#include "core/hooks/selections.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/hooks/json_text.h"

namespace penstock::hooks {
namespace {

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
        if (selection.owned_texts.empty()) selection.owned_texts.reserve(selection.values.size());
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

// False only for plain member paths like "$.resource.repository.name", which surely never meet refUpdates.
bool may_see_refs(std::string_view query) noexcept {
  if (!query.starts_with("$.") || query.find("..") != std::string_view::npos) return true;
  if (query.find("refUpdates") != std::string_view::npos || query == "$.resource") return true;
  return !std::all_of(query.begin() + 1, query.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

std::vector<std::string> Selection::shown() const {
  std::vector<std::string> texts_shown;
  texts_shown.reserve(std::min(values.size(), kMaxShown));
  for (const auto& value : values) {
    if (texts_shown.size() == kMaxShown) break;
    texts_shown.push_back(bounded_json(value, kMaxShownCharacters));
  }
  return texts_shown;
}

void Selections::focus_on(const RefUpdate* ref) {
  is_focused_ = ref != nullptr;
  if (is_focused_) focus_.index = ref->index;
  for (std::size_t query = 0; query < queries_.size(); ++query) {
    if (queries_[query].sees_refs) selections_[query].reset();
  }
}

const Selection& Selections::get(std::size_t query) {
  auto& selection = selections_[query];
  if (!selection) {
    selection =
        evaluate(*queries_[query].path, *event_.document, {&remaining_visits_, is_focused_ ? &focus_ : nullptr});
  }
  return *selection;
}

}  // namespace penstock::hooks
