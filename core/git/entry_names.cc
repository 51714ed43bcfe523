#include "core/git/entry_names.h"

#include <algorithm>
#include <string>

#include "core/base/text.h"

namespace penstock::git {
namespace {

// Code points that HFS+ ignores when it compares names: ".g\u200cit" opens ".git" there.
std::string without_hfs_ignorables(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size();) {
    const std::string_view three = name.substr(i, 3);
    const bool ignored = [&] {
      if (three.size() < 3) return false;
      const auto last = static_cast<unsigned char>(three[2]);
      if (three.starts_with("\xe2\x80")) return (last >= 0x8c && last <= 0x8f) || (last >= 0xaa && last <= 0xae);
      if (three.starts_with("\xe2\x81")) return last >= 0xaa && last <= 0xaf;
      return three == "\xef\xbb\xbf";
    }();
    if (ignored) {
      i += 3;
    } else {
      result += name[i++];
    }
  }
  return result;
}

// NTFS drops trailing dots and spaces, everything after ':' names a stream of the same file, and "git~1" is the short
// name of ".git".
bool opens_git_on_ntfs(std::string_view name) {
  name = name.substr(0, name.find(':'));
  while (!name.empty() && (name.back() == '.' || name.back() == ' ')) name.remove_suffix(1);
  return equals_ignoring_case(name, ".git") || equals_ignoring_case(name, "git~1");
}

}  // namespace

std::optional<std::string_view> find_name_fault(std::string_view name) {
  if (name.empty()) return "an empty name";
  if (name == ".") return "a name that means the folder itself";
  if (name == "..") return "a name that leads out of the folder";
  if (name.find('\0') != std::string_view::npos) return "a name with a NUL byte";
  if (name.find('/') != std::string_view::npos)
    return name.front() == '/' ? "an absolute path as a name" : "a name with a slash";
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (opens_git_on_ntfs(name) || (!ascii && equals_ignoring_case(without_hfs_ignorables(name), ".git")))
    return "a name that some file system takes for \".git\"";
  return std::nullopt;
}

}  // namespace penstock::git
