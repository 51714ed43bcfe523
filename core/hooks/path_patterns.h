// The patterns of path_filter.h: of branches and tags, and of files.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/glob.h"

namespace penstock::hooks {

inline constexpr std::string_view kBranches = "refs/heads/", kTags = "refs/tags/";

struct PatternLists {
  std::vector<std::string> includes = {}, excludes = {};  // globs, see SlashMeaning::kSeparator
};

// What is wrong with a single pattern, for checks of a configuration: what was expected instead ("a pattern of files;
// all below a folder is …"). Patterns that can match nothing are wrong as well. Nothing when it is good.
enum class PatternOf { kRefNames, kPaths, kRoutePaths };
std::optional<std::string> find_pattern_fault(const std::string& pattern, PatternOf of);

// Error{kInvalidInput} for a pattern that is well-formed and can match nothing.
void refuse_slips(const std::string& pattern, PatternOf of);

// Error{kInvalidInput} "WHERE: what was expected"; without `where` when that is empty.
Glob compile_pattern(const std::string& pattern, PatternOf of, const std::string& where);

// "name[3]"
std::string indexed(std::string_view name, std::size_t index);

// Thread-safe once made.
class RefPatterns {
 public:
  RefPatterns(const PatternLists& lists, std::string where);

  // Why not; empty when it is included and not excluded. `name` is short: "main".
  std::string refusal(std::string_view name) const;

 private:
  PatternLists lists_;
  std::string where_;
  std::vector<Glob> includes_, excludes_;
};

}  // namespace penstock::hooks
