// The version of this build and of what it was built with.
#pragma once

#include <string_view>

namespace penstock::server {

inline constexpr std::string_view kVersion = "0.1.0";

// "name version" lines, as found when building; shared libraries may have been updated since.
extern const std::string_view kLibraryVersions;

}  // namespace penstock::server
