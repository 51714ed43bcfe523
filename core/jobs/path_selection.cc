#include "core/jobs/path_selection.h"

#include <algorithm>
#include <string_view>

namespace penstock::jobs {
namespace {

std::vector<hooks::Glob> compile(const std::vector<std::string>& globs) {
  std::vector<hooks::Glob> compiled;
  for (const std::string& glob : globs) compiled.push_back(hooks::Glob::compile(glob, hooks::SlashMeaning::kSeparator));
  return compiled;
}

// "a/*" is about the files of "a", while "a/b" and "a/b/**" are about "b" as well, should it be a folder.
std::vector<std::string> for_folders(const std::vector<std::string>& globs) {
  constexpr std::string_view kAllBelow = "/**";
  std::vector<std::string> folders;
  for (const std::string& glob : globs) {
    const bool escaped = glob.ends_with("\\/**");
    if (glob.ends_with(kAllBelow) && !escaped) folders.push_back(glob.substr(0, glob.size() - kAllBelow.size()));
    const std::string_view name = std::string_view(glob).substr(glob.rfind('/') + 1);
    if (glob.ends_with("**") || name.find_first_of("*?") == std::string_view::npos) folders.push_back(glob);
  }
  std::erase(folders, "");
  return folders;
}

bool matches_any(const std::vector<hooks::Glob>& globs, const std::string& path) {
  return std::any_of(globs.begin(), globs.end(), [&](const hooks::Glob& glob) { return glob.matches(path); });
}

}  // namespace

PathSelection::PathSelection(const std::vector<std::string>& include, const std::vector<std::string>& exclude)
    : include_(compile(include)), exclude_(compile(exclude)), exclude_folders_(compile(for_folders(exclude))) {}

bool PathSelection::has(const std::string& file) const {
  return (include_.empty() || matches_any(include_, file)) && !matches_any(exclude_, file);
}

bool PathSelection::leaves_out(const std::string& folder) const {
  return matches_any(exclude_folders_, folder);
}

}  // namespace penstock::jobs
