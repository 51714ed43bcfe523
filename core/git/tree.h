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

// Views into `bytes`. Error{kInvalidInput} for bytes that are no tree.
std::vector<RawTreeEntry> parse_tree(std::string_view bytes);

}  // namespace penstock::git
