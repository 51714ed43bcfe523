// The input is a blob that may be a pointer of Git LFS. What is taken for one is, byte for byte, what its own values
// written down again make, but for the extensions; and a pointer stays one whatever its values.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/git/lfs_pointer.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::git;

namespace {

std::string written(const LfsPointer& pointer) {
  return "oid sha256:" + pointer.oid + "\nsize " + std::to_string(pointer.size) + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto pointer = parse_lfs_pointer(input);
  if (pointer) {
    check(input.size() <= kMaxLfsPointerBytes && input.starts_with("version https://"));
    check(pointer->oid.size() == 64 && from_hex(pointer->oid).has_value());
    check(pointer->size <= static_cast<std::uint64_t>(INT64_MAX));
    check(input.ends_with("\n" + written(*pointer)));
    const std::size_t version_end = input.find('\n') + 1;
    check(pointer->extended == (input.size() > version_end + written(*pointer).size()));
    check(!parse_lfs_pointer(std::string(input) + "\n"));
    check(!parse_lfs_pointer(input.substr(0, input.size() - 1)));
  }
  const LfsPointer made{.oid = sha256_hex(input), .size = size};
  check(parse_lfs_pointer("version https://git-lfs.github.com/spec/v1\n" + written(made)) == made);
  return 0;
}
