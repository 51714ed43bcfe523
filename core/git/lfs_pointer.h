// What git stores in place of a file that Git LFS keeps elsewhere. Pure.
// Source: docs/spec.md of git-lfs, "The Pointer", and docs/extensions.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::git {

struct LfsPointer {
  std::string oid;         // SHA-256 of the object: 64 lower-case hexadecimal digits
  std::uint64_t size = 0;  // of the object, in bytes
  // Extensions (`lfs.extension.*` of the user who pushed) made the object from the file, so it is not the file itself.
  bool extended = false;
  bool operator==(const LfsPointer&) const = default;
};

// A larger blob is no pointer and need not be read.
inline constexpr std::size_t kMaxLfsPointerBytes = 1023;

// Empty for everything that is not exactly a pointer: such a file stands for itself.
std::optional<LfsPointer> parse_lfs_pointer(std::string_view bytes);

}  // namespace penstock::git
