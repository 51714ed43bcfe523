#include "core/hooks/route.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@-_";
constexpr std::size_t kMaxName = 100;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::kInvalidInput, where + ": " + what);
}

}  // namespace

bool is_pipeline_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxName && text.find_first_not_of(kNameCharacters) == std::string_view::npos;
}

Route::Route(RouteDefinition definition) : definition_(std::move(definition)) {
  if (definition_.paths.empty()) refuse("paths", "expected at least one pattern");
  for (std::size_t i = 0; i < definition_.paths.size(); ++i) {
    try {
      paths_.push_back(Glob::compile_with_captures(definition_.paths[i]));
    } catch (const Error& error) {
      throw error.with_context("paths[" + std::to_string(i) + "]");
    }
  }

  std::string_view rest = definition_.target_pipeline;
  std::size_t fixed_length = 0;
  while (!rest.empty()) {
    const bool is_name = rest.front() == '{';
    const auto end = is_name ? rest.find('}') : std::min(rest.find('{'), rest.size());
    if (end == std::string_view::npos) refuse("targetPipeline", "the name opened by '{' is not closed with '}'");
    const auto text = is_name ? rest.substr(1, end - 1) : rest.substr(0, end);
    rest.remove_prefix(is_name ? end + 1 : end);
    if (!is_name) {
      if (text.find_first_not_of(kNameCharacters) != std::string_view::npos)
        refuse("targetPipeline", "expected letters, digits, \".\", \"@\", \"-\", \"_\" and {name}, found " +
                                     in_quotes(definition_.target_pipeline));
      fixed_length += text.size();
    } else {
      for (std::size_t i = 0; i < paths_.size(); ++i) {
        const auto names = paths_[i].capture_names();
        if (std::find(names.begin(), names.end(), text) == names.end())
          refuse("targetPipeline", in_quotes("{" + std::string(text) + "}") + " is not captured by paths[" +
                                       std::to_string(i) + "], which is " + in_quotes(definition_.paths[i]));
      }
      ++fixed_length;
    }
    parts_.push_back({std::string(text), is_name});
  }
  if (parts_.empty()) refuse("targetPipeline", "expected the name of a pipeline, found nothing");
  if (fixed_length > kMaxName) refuse("targetPipeline", "expected at most 100 characters");
}

Route::Captures Route::capture(std::size_t index, std::string_view path) const {
  const auto values = paths_[index].capture(path);
  if (!values) throw Error(ErrorKind::kInternal, "routing " + in_quotes(path) + ": the pattern does not match");
  auto names = paths_[index].capture_names();
  Captures captures;
  for (std::size_t i = 0; i < names.size(); ++i) captures.emplace_back(std::move(names[i]), std::string((*values)[i]));
  return captures;
}

std::string Route::pipeline_for(const Captures& captures) const {
  std::string name;
  for (const Part& part : parts_) {
    if (!part.is_name) {
      name += part.text;
      continue;
    }
    const auto found =
        std::find_if(captures.begin(), captures.end(), [&](const auto& capture) { return capture.first == part.text; });
    if (found != captures.end()) name += found->second;
  }
  return name;
}

}  // namespace penstock::hooks
