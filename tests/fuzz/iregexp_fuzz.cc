// Input: a pattern, a zero byte, a subject. A pattern is compiled, refused, or too large; the translation never makes
// an expression that RE2 finds malformed, and a whole match is a partial match as well.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/json/iregexp.h"

using penstock::Error;
using penstock::ErrorKind;
using namespace penstock::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t separator = input.find('\0');
  const std::string_view pattern = input.substr(0, separator);
  const std::string_view subject = separator == std::string_view::npos ? "" : input.substr(separator + 1);
  try {
    const auto translated = translate_iregexp(pattern);
    const auto regexp = IRegexp::compile(pattern);
    if (translated.has_value() != regexp.has_value()) std::abort();
    if (regexp && regexp->matches_whole(subject) && !regexp->matches_part(subject)) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kExhausted) std::abort();
    // Small patterns without counted repetition are never too large.
    if (pattern.size() < 100 && pattern.find('{') == std::string_view::npos) std::abort();
  }
  return 0;
}
