// A connection's first bytes. However they arrive, they mean the same; what is accepted holds nothing that another
// parser could split differently; a chunked body is never longer than its bound or than what was sent.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "core/listener/chunked_body.h"
#include "core/listener/proxy_header.h"
#include "core/listener/request_head.h"
#include "core/listener/router.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::listener;

namespace {

constexpr std::uint64_t kMaxBody = 1000;

// Length of the head, 0 while incomplete, or the status of its refusal as a negative number.
long find_head(std::string_view input, std::size_t step, const HeadLimits& limits) {
  HeadScanner scanner(limits);
  try {
    for (std::size_t size = std::min(step, input.size());; size = std::min(size + step, input.size())) {
      const std::size_t end = scanner.find_end(input.substr(0, size));
      if (end > 0) return static_cast<long>(end);
      if (size == input.size()) return 0;
    }
  } catch (const BadRequest& bad) {
    check(bad.status >= 400 && bad.status < 600 && !bad.detail.empty());
    return -bad.status;
  }
}

struct Body {
  int refused = 0;
  bool done = false;
  std::size_t used = 0;
  std::string bytes;
  bool operator==(const Body&) const = default;
};

Body read_chunks(std::string_view input, std::size_t step) {
  ChunkedBody chunks(kMaxBody);
  Body body;
  try {
    while (body.used < input.size() && !chunks.done()) {
      const std::size_t used = chunks.feed(input.substr(body.used, step), body.bytes);
      check(used > 0);
      body.used += used;
    }
  } catch (const BadRequest& bad) {
    // How much was taken before the refusal depends on the pieces.
    return {.refused = bad.status, .done = false, .used = 0, .bytes = {}};
  }
  body.done = chunks.done();
  check(body.bytes.size() <= kMaxBody && body.bytes.size() <= input.size());
  return body;
}

void check_head(const RequestHead& head) {
  check(is_token(head.method));
  check(head.target == "*" || head.target.starts_with('/'));
  int lengths = 0, encodings = 0;
  for (const auto& [name, value] : head.fields) {
    check(is_token(name));
    for (const char c : value) check(c != '\r' && c != '\n' && c != '\0');
    if (equals_ignoring_case(name, "Content-Length")) ++lengths;
    if (equals_ignoring_case(name, "Transfer-Encoding")) ++encodings;
  }
  check(lengths + encodings <= 1);
  check((encodings == 1) == (head.framing == Framing::kChunked));
  check(head.framing != Framing::kLength || (lengths == 1 && head.content_length > 0));
  const std::size_t query = std::min(head.target.find('?'), head.target.size());
  Router router;
  router.add("GET", "/{a}/{b}");
  router.find(head.method, head.target.substr(0, query));
  parse_query(head.target.substr(std::min(query + 1, head.target.size())));
}

void check_proxy_header(std::string_view input) {
  try {
    const ProxyHeader header = parse_proxy_header(input);
    check(header.length <= input.size() && header.length <= 536);
    // Its beginning alone is incomplete, never something else.
    if (header.length > 0) check(parse_proxy_header(input.substr(0, header.length - 1)).length == 0);
  } catch (const BadRequest&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_proxy_header(input);
  const HeadLimits limits;
  const long end = find_head(input, 1, limits);
  // In larger pieces a limit may be noticed earlier than an error that comes before it; what is accepted is the same.
  const long whole = find_head(input, input.size() + 1, limits);
  check((end > 0) == (whole > 0) && (end <= 0 || end == whole));
  if (end <= 0) return 0;
  const std::string_view text = input.substr(0, static_cast<std::size_t>(end));
  try {
    const RequestHead head = parse_head(text, limits);
    check_head(head);
    if (head.framing == Framing::kChunked) {
      const std::string_view rest = input.substr(text.size());
      const Body slowly = read_chunks(rest, 1);
      const Body at_once = read_chunks(rest, rest.size() + 1);
      check((slowly.refused != 0) == (at_once.refused != 0) && (slowly.refused != 0 || slowly == at_once));
    }
  } catch (const BadRequest& bad) {
    check(bad.status >= 400 && bad.status < 600);
  }
  return 0;
}
