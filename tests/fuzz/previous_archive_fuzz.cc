// The input is a zip file that is taken for an earlier archive. Whatever it is, entries are found in the order of their
// names, their bytes are given out only when all fit the seal, and never more than the file has.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "core/archive/deflate.h"
#include "core/archive/previous_archive.h"
#include "core/archive/zip_parser.h"
#include "core/base/handle.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::archive;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto place = find_directory(input.substr(size - std::min(size, kTailBytes)), size);
  const UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  if (!file || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  const auto previous = PreviousArchive::open("/proc/self/fd/" + std::to_string(file.get()));
  check((previous != nullptr) == place.has_value());
  if (!previous) return 0;
  check(place->offset <= size && place->size <= size - place->offset);
  // The directory's entries as far as they make sense; each is asked for.
  std::string_view rest = input.substr(place->offset, place->size);
  while (const auto length = central_header_size(rest)) {
    const auto entry = parse_central_header(rest.substr(0, *length));
    if (!entry) break;
    rest.remove_prefix(std::min(*length, rest.size()));
    if (!entry->mark) continue;
    const auto found = previous->find(entry->name, entry->mark->content_id, entry->mark->level);
    if (!found) continue;
    check(found->name == entry->name && found->mark);
    std::uint64_t given = 0;
    const bool whole = previous->copy(*found, [&](std::string_view piece) { given += piece.size(); });
    check(given == (whole ? found->compressed_size : 0) && given <= size);
  }
  // All at once: no more is given out than the file has and new headers for it.
  const auto again = PreviousArchive::open("/proc/self/fd/" + std::to_string(file.get()),
                                           update_crc32(0, input.substr(place->offset, place->size)));
  check(again != nullptr);
  if (const auto all = again->find_folder("")) {
    std::uint64_t given = 0, headers = 0;
    const auto append = [&](std::string_view bytes) { given += bytes.size(); };
    again->copy_folder(*all, 6, ZipTime(Timestamp()), 0, append,
                       [&](const ZipEntry& entry) { headers += 64 + entry.name.size(); });
    check(given <= size + headers);
  }
  return 0;
}
