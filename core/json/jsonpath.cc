#include "core/json/jsonpath.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/jsonpath_ast.h"
#include "core/json/jsonpath_evaluator.h"
#include "core/json/jsonpath_parser.h"
#include "core/json/tape.h"

namespace penstock::json {
namespace {

constexpr std::size_t kDefaultVisits = 1'000'000;

template <typename Select>
auto evaluate(const std::string& text, const Document& document, const EvaluateOptions& options, Select select) {
  std::size_t own_budget = kDefaultVisits;
  std::size_t& remaining = options.remaining_visits != nullptr ? *options.remaining_visits : own_budget;
  try {
    Evaluator evaluator(ValueAccess::tape(document), options.focus, remaining);
    return select(evaluator);
  } catch (const Error& error) {
    throw error.with_context("evaluating " + in_quotes(text));
  }
}

}  // namespace

JsonPath::JsonPath(std::string text, std::unique_ptr<const Query> query)
    : text_(std::move(text)), query_(std::move(query)) {}
JsonPath::JsonPath(JsonPath&&) noexcept = default;
JsonPath& JsonPath::operator=(JsonPath&&) noexcept = default;
JsonPath::~JsonPath() = default;

JsonPath JsonPath::compile(std::string_view query) {
  return JsonPath(std::string(query), std::make_unique<const Query>(Query{parse_jsonpath(query)}));
}

std::vector<Value> JsonPath::select(const Document& document, const EvaluateOptions& options) const {
  return evaluate(text_, document, options, [&](Evaluator& evaluator) {
    std::vector<Value> result;
    for (const Tape::Index index : evaluator.select(query_->path)) {
      result.push_back(ValueAccess::value(ValueAccess::tape(document), index));
    }
    return result;
  });
}

std::vector<JsonPath::Node> JsonPath::select_with_paths(const Document& document,
                                                        const EvaluateOptions& options) const {
  return evaluate(text_, document, options, [&](Evaluator& evaluator) {
    std::vector<Node> result;
    for (Evaluator::Located& found : evaluator.select_with_paths(query_->path)) {
      result.push_back({ValueAccess::value(ValueAccess::tape(document), found.value), std::move(found.path)});
    }
    return result;
  });
}

}  // namespace penstock::json
