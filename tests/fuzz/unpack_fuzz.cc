// The input is a zip archive from somewhere. Whatever it holds, nothing appears outside of the folder, no link in it
// leads out, nothing in it is other than file, folder or link, and there is no more of it than was allowed.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "core/archive/unpack.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/handle.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::archive;
namespace fs = std::filesystem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  if (!file || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  const TemporaryDirectory directory(fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path());
  const fs::path folder = directory.path() / "in";
  fs::create_directory(folder);
  const UnpackLimits limits{.max_entries = 50, .max_bytes = 1u << 20, .max_ratio = 100, .free_bytes = 1u << 16};
  UnpackResult result;
  bool whole = true;
  try {
    result = unpack_archive("/proc/self/fd/" + std::to_string(file.get()), folder, limits);
  } catch (const Error& error) {
    check(error.kind() != ErrorKind::kInternal && error.kind() != ErrorKind::kConflict);
    whole = false;
  }
  std::uint64_t bytes = 0, nodes = 0;
  const fs::path root = fs::canonical(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    ++nodes;
    const fs::file_status status = entry.symlink_status();
    check(fs::is_regular_file(status) || fs::is_directory(status) || fs::is_symlink(status));
    if (fs::is_regular_file(status)) bytes += entry.file_size();
    if (!fs::is_symlink(status)) continue;
    std::error_code failed;
    const fs::path target = fs::weakly_canonical(entry.path(), failed);
    check(failed || target.native() == root.native() || target.native().starts_with(root.native() + "/"));
  }
  check(nodes <= limits.max_entries && bytes <= limits.max_bytes);
  check(!whole || bytes == result.bytes);
  std::size_t beside = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(directory.path())) ++beside;
  check(beside == 1);
  return 0;
}
