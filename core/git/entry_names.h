// Which names a tree may hold so that unpacking it anywhere stays inside the folder and out of git's own.
#pragma once

#include <optional>
#include <string_view>

namespace penstock::git {

// Why one path component must not be unpacked, in words for a message; nothing for a harmless name. Bytes, not
// characters: names that are no UTF-8 are legal in git. A backslash is legal too: it separates nothing where the
// executable bits and links of an artifact mean anything.
std::optional<std::string_view> find_name_fault(std::string_view name);

}  // namespace penstock::git
