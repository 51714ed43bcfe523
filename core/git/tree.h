// The bytes of a tree object, taken apart. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::git {

struct RawTreeEntry {
  std::uint32_t mode = 0;
  std::string_view name;  // any bytes but NUL; may be empty or hostile
  std::string_view id;    // 20 raw bytes
};

bool is_folder(const RawTreeEntry& entry) noexcept;

// As the paths below them compare: a folder's name goes on with a slash. Git takes submodules for files there,
// everybody else for folders. Git's trees are sorted so, a crafted one may not be.
enum class SubmodulesAs { kFiles, kFolders };
bool comes_before(const RawTreeEntry& a, const RawTreeEntry& b, SubmodulesAs submodules) noexcept;

// Views into `bytes`. Error{kInvalidInput} for bytes that are no tree.
std::vector<RawTreeEntry> parse_tree(std::string_view bytes);

}  // namespace penstock::git
