#include "core/git/tree.h"

#include <algorithm>

#include "core/base/error.h"

namespace penstock::git {

bool is_folder(const RawTreeEntry& entry) noexcept {
  return entry.mode >> 12 == 04;
}

bool comes_before(const RawTreeEntry& a, const RawTreeEntry& b, SubmodulesAs submodules) noexcept {
  const std::size_t common = std::min(a.name.size(), b.name.size());
  const int order = a.name.substr(0, common).compare(b.name.substr(0, common));
  if (order != 0) return order < 0;
  const auto next = [&](const RawTreeEntry& entry) -> int {
    if (entry.name.size() > common) return static_cast<unsigned char>(entry.name[common]);
    const bool goes_on = is_folder(entry) || (submodules == SubmodulesAs::kFolders && entry.mode >> 12 == 016);
    return goes_on ? '/' : -1;
  };
  return next(a) < next(b);
}

std::vector<RawTreeEntry> parse_tree(std::string_view bytes) {
  constexpr std::size_t kIdBytes = 20;
  constexpr std::size_t kMaxModeDigits = 7;
  std::vector<RawTreeEntry> entries;
  while (!bytes.empty()) {
    RawTreeEntry entry;
    std::size_t at = 0;
    while (at < bytes.size() && at < kMaxModeDigits && bytes[at] >= '0' && bytes[at] <= '7')
      entry.mode = entry.mode * 8 + static_cast<std::uint32_t>(bytes[at++] - '0');
    if (at == 0 || at >= bytes.size() || bytes[at] != ' ')
      throw Error(ErrorKind::kInvalidInput, "reading a tree: an entry has no mode");
    bytes.remove_prefix(at + 1);
    const auto end = bytes.find('\0');
    if (end == std::string_view::npos || bytes.size() - end - 1 < kIdBytes)
      throw Error(ErrorKind::kInvalidInput, "reading a tree: it is cut off");
    entry.name = bytes.substr(0, end);
    entry.id = bytes.substr(end + 1, kIdBytes);
    bytes.remove_prefix(end + 1 + kIdBytes);
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace penstock::git
