#include "core/hooks/path_patterns.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

// Patterns that can match nothing are slips, and would keep everything from starting in silence.
std::optional<std::string> find_slip(const std::string& pattern, PatternOf of) {
  if (pattern.empty()) return "a pattern";
  if (of == PatternOf::kRefNames) {
    for (const auto prefix : {kBranches, kTags}) {
      if (pattern.starts_with(prefix)) return "a pattern of names without " + in_quotes(prefix);
    }
    return std::nullopt;
  }
  if (pattern.front() == '/' || pattern.starts_with("./"))
    return "a pattern of paths from the repository's root, which begin without \"/\" and \"./\"";
  if (pattern.back() == '/' && !pattern.ends_with("\\/"))
    return "a pattern of files; all below a folder is " + in_quotes(pattern + "**");
  return std::nullopt;
}

}  // namespace

void refuse_slips(const std::string& pattern, PatternOf of) {
  if (const auto expected = find_slip(pattern, of))
    throw Error(ErrorKind::kInvalidInput, "expected " + *expected + ", found " + in_quotes(pattern));
}

Glob compile_pattern(const std::string& pattern, PatternOf of, const std::string& where) {
  try {
    refuse_slips(pattern, of);
    return of == PatternOf::kRoutePaths ? Glob::compile_with_captures(pattern)
                                        : Glob::compile(pattern, SlashMeaning::kSeparator);
  } catch (const Error& error) {
    throw where.empty() ? error : error.with_context(where);
  }
}

std::optional<std::string> find_pattern_fault(const std::string& pattern, PatternOf of) {
  if (auto slip = find_slip(pattern, of)) return slip;
  try {
    compile_pattern(pattern, of, "");
    return std::nullopt;
  } catch (const Error& error) {
    return "a pattern (" + std::string(error.what()) + ")";
  }
}

std::string indexed(std::string_view name, std::size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

RefPatterns::RefPatterns(const PatternLists& lists, std::string where) : lists_(lists), where_(std::move(where)) {
  for (std::size_t i = 0; i < lists.includes.size(); ++i)
    includes_.push_back(compile_pattern(lists.includes[i], PatternOf::kRefNames, indexed(where_ + ".includes", i)));
  for (std::size_t i = 0; i < lists.excludes.size(); ++i)
    excludes_.push_back(compile_pattern(lists.excludes[i], PatternOf::kRefNames, indexed(where_ + ".excludes", i)));
}

std::string RefPatterns::refusal(std::string_view name) const {
  for (std::size_t i = 0; i < excludes_.size(); ++i) {
    if (excludes_[i].matches(name))
      return "is excluded by " + indexed(where_ + ".excludes", i) + " " + in_quotes(lists_.excludes[i]);
  }
  if (includes_.empty()) return "";
  const bool included = std::any_of(includes_.begin(), includes_.end(), [&](const Glob& g) { return g.matches(name); });
  return included ? "" : "is not included by " + where_ + ".includes";
}

}  // namespace penstock::hooks
