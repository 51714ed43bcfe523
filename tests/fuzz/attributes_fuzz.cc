// Input: the root's attribute file, a zero byte, that of the folder "a", a zero byte, a path. Reading and matching stay
// within their limits, the same is said twice, and a folder's file says nothing of what is outside the folder.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/git/attributes.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::git;

namespace {

constexpr Attributes::Limits kLimits{.rule_bytes = 1 << 20, .work = 20'000'000};

bool are_same(const std::vector<AttributeValue>& a, const std::vector<AttributeValue>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const AttributeValue& x, const AttributeValue& y) {
    return x.state == y.state && (x.state != AttributeValue::State::kText || x.text == y.text);
  });
}

std::string_view take(std::string_view& input) {
  const std::string_view part = input.substr(0, input.find('\0'));
  input.remove_prefix(std::min(part.size() + 1, input.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view root = take(input), inner = take(input), path = take(input);
  const std::vector<std::string> wanted = {"export-ignore", "filter", "text"};
  try {
    Attributes outer(wanted, kLimits), both(wanted, kLimits);
    outer.enter("", root);
    both.enter("", root);
    both.enter("a/", inner);
    for (const PathKind kind : {PathKind::kFile, PathKind::kFolder}) {
      const std::vector<AttributeValue> values = both.lookup(path, kind);
      check(values.size() == wanted.size());
      check(are_same(values, both.lookup(path, kind)));
      if (!path.starts_with("a/") || path == "a/") check(are_same(values, outer.lookup(path, kind)));
    }
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput);
  }
  return 0;
}
