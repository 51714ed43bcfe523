// The head of an HTTP/1.1 request, read strictly (RFC 9112): what two parsers could understand differently is refused,
// so that no proxy in front of us can be brought out of step with us. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::listener {

// The request cannot be read; after this answer the connection ends, because where the next request begins is unknown.
struct BadRequest {
  int status;  // 400, 413, 414, 417, 431, 501, 505
  std::string detail;
};

struct HeadLimits {
  std::size_t target_bytes = 8u << 10;  // of the request line; more is 414
  std::size_t head_bytes = 32u << 10;   // more is 431
  std::size_t fields = 100;
};

enum class Framing { kNone, kLength, kChunked };

// All views point into the text that was parsed.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // origin-form, or "*" with OPTIONS; of an absolute-form what follows the authority
  int minor_version = 1;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;  // with kLength
  bool keep_alive = true;
  bool expects_continue = false;
};

// Looks for the end of the head in bytes that arrive piece by piece.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}
  // `text` is all that has arrived, beginning with the head. Returns the head's length, its empty line included, or 0
  // when it is not complete yet. Throws BadRequest for a line that does not end in CRLF and for too many bytes.
  std::size_t find_end(std::string_view text);
  void reset() { seen_ = line_begin_ = 0; }

 private:
  const HeadLimits& limits_;
  std::size_t seen_ = 0;
  std::size_t line_begin_ = 0;
};

// `text` is a head as HeadScanner found it. Throws BadRequest.
RequestHead parse_head(std::string_view text, const HeadLimits& limits);

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) noexcept;

}  // namespace penstock::listener
