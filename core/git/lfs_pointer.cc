#include "core/git/lfs_pointer.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace penstock::git {
namespace {

constexpr std::string_view kVersion = "https://git-lfs.github.com/spec/v1";
constexpr std::string_view kVersionBeforeRelease = "https://hawser.github.com/spec/v1";

struct Line {
  std::string_view key, value;
};

// The next "key value\n"; empty when the text does not begin with one.
std::optional<Line> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const Line result{line.substr(0, space), line.substr(space + 1)};
  const bool plain = result.value.find_first_of(std::string_view("\r\0", 2)) == std::string_view::npos;
  if (result.key.empty() || result.value.empty() || result.value.front() == ' ' || !plain) return std::nullopt;
  return result;
}

std::optional<std::string_view> parse_oid(std::string_view value) {
  constexpr std::string_view kMethod = "sha256:";
  if (!value.starts_with(kMethod)) return std::nullopt;
  value.remove_prefix(kMethod.size());
  if (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return value;
}

// One spelling for each number, within what git-lfs itself can hold.
std::optional<std::uint64_t> parse_size(std::string_view value) {
  if (value.size() > 1 && value.front() == '0') return std::nullopt;
  const auto size = parse_unsigned(value);
  if (!size || *size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return size;
}

// "ext-0-name": the digit is the extension's place in the order, and no two share one.
bool is_extension_key(std::string_view key) {
  constexpr std::string_view kPrefix = "ext-";
  if (!key.starts_with(kPrefix)) return false;
  key.remove_prefix(kPrefix.size());
  return key.size() > 2 && key[0] >= '0' && key[0] <= '9' && key[1] == '-' &&
         key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos;
}

}  // namespace

std::optional<LfsPointer> parse_lfs_pointer(std::string_view bytes) {
  if (bytes.size() > kMaxLfsPointerBytes || !is_valid_utf8(bytes)) return std::nullopt;
  auto line = take_line(bytes);
  if (!line || line->key != "version" || (line->value != kVersion && line->value != kVersionBeforeRelease))
    return std::nullopt;

  LfsPointer pointer;
  int place = -1;
  // Extensions stand before "oid", as keys are sorted.
  for (line = take_line(bytes); line && is_extension_key(line->key); line = take_line(bytes)) {
    const int next = line->key[4] - '0';
    if (next <= place || !parse_oid(line->value)) return std::nullopt;
    place = next;
    pointer.extended = true;
  }
  if (!line || line->key != "oid") return std::nullopt;
  const auto oid = parse_oid(line->value);
  line = take_line(bytes);
  if (!oid || !line || line->key != "size" || !bytes.empty()) return std::nullopt;
  const auto size = parse_size(line->value);
  if (!size) return std::nullopt;
  pointer.oid = *oid;
  pointer.size = *size;
  return pointer;
}

}  // namespace penstock::git
