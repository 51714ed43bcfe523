#include "core/listener/request_head.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/base/text.h"

namespace penstock::listener {
namespace {

constexpr std::string_view kTokenPunctuation = "!#$%&'*+-.^_`|~";

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : kTokenPunctuation) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kIsTokenCharacter = make_token_table();

[[noreturn]] void refuse(int status, std::string detail) {
  throw BadRequest{status, std::move(detail)};
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_hex_digit(char c) noexcept {
  return hex_digit_value(c) >= 0;
}

std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The next line without its CRLF, which find_end() has made sure of.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end - 1);
  text.remove_prefix(end + 1);
  return line;
}

// "HTTP/1.1" -> 1.
int parse_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
    refuse(400, "the request line does not end in an HTTP version");
  }
  if (text[5] != '1') refuse(505, "this server speaks HTTP/1.1");
  return text[7] == '0' ? 0 : 1;
}

void check_target(std::string_view target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    const auto c = static_cast<unsigned char>(target[i]);
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<' || c == '>') {
      refuse(400, "the request target holds a character that must be percent-encoded");
    }
    if (c != '%') continue;
    if (i + 2 >= target.size() || !is_hex_digit(target[i + 1]) || !is_hex_digit(target[i + 2])) {
      refuse(400, "the request target holds a % that is no percent-encoding");
    }
    // %00 to %1F and %7F: no name of ours has a control character, and some programs would cut the path there.
    const bool control = target[i + 1] == '0' || target[i + 1] == '1' ||
                         (target[i + 1] == '7' && (target[i + 2] == 'f' || target[i + 2] == 'F'));
    if (control) refuse(400, "the request target holds an encoded control character");
  }
}

// RFC 3986 section 3.2 without userinfo: what Host may hold.
void check_host(std::string_view host) {
  if (host.empty()) refuse(400, "the Host header is empty");
  std::string_view rest = host;
  if (rest.front() == '[') {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) refuse(400, "the Host header is not valid");
    for (const char c : rest.substr(1, end - 1)) {
      if (!is_hex_digit(c) && c != ':' && c != '.' && c != 'v') refuse(400, "the Host header is not valid");
    }
    rest.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end == 0) refuse(400, "the Host header is not valid");
    for (const char c : rest.substr(0, end)) {
      const bool allowed = is_hex_digit(c) || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') ||
                           std::string_view("-._~!$&'()*+;=%").find(c) != std::string_view::npos;
      if (!allowed) refuse(400, "the Host header is not valid");
    }
    rest.remove_prefix(end);
  }
  if (rest.empty()) return;
  if (rest.front() != ':' || rest.size() > 6 || !std::all_of(rest.begin() + 1, rest.end(), is_digit)) {
    refuse(400, "the Host header is not valid");
  }
}

// Leaves what identifies the resource: an absolute-form names us a second time (RFC 9112 section 3.2.2).
std::string_view to_origin_form(std::string_view method, std::string_view target) {
  if (target.empty()) refuse(400, "the request line has no target");
  if (target.front() == '/') return target;
  if (target == "*") {
    if (method != "OPTIONS") refuse(400, "the target * goes with OPTIONS only");
    return target;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    check_host(rest.substr(0, end));
    rest.remove_prefix(end);
    return rest.empty() || rest.front() == '?' ? std::string_view("/") : rest;
  }
  if (method == "CONNECT") refuse(501, "CONNECT is not implemented");
  refuse(400, "the request target does not begin with a slash");
}

void parse_request_line(std::string_view line, const HeadLimits& limits, RequestHead& head) {
  const std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) refuse(400, "the request line is not \"METHOD TARGET VERSION\"");
  head.method = line.substr(0, method_end);
  if (!is_token(head.method)) refuse(400, "the request line does not begin with a method");
  line.remove_prefix(method_end + 1);
  const std::size_t target_end = line.find(' ');
  if (target_end == std::string_view::npos) refuse(400, "the request line is not \"METHOD TARGET VERSION\"");
  std::string_view target = line.substr(0, target_end);
  if (target.size() > limits.target_bytes) refuse(414, "the request target is too long");
  head.minor_version = parse_version(line.substr(target_end + 1));
  check_target(target);
  head.target = to_origin_form(head.method, target);
}

std::pair<std::string_view, std::string_view> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') refuse(400, "a header line is folded");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) refuse(400, "a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) refuse(400, "a header name is not valid");
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) refuse(400, "a header value holds a control character");
  }
  return {name, value};
}

std::uint64_t parse_content_length(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    refuse(400, "Content-Length is not one decimal number");
  }
  std::uint64_t length = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
      refuse(400, "Content-Length is larger than any body");
    }
    length = length * 10 + digit;
  }
  return length;
}

// Calls `use` with each element of a comma-separated list.
template <typename Use>
void for_each_element(std::string_view list, const Use& use) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view element = trim_blanks(list.substr(0, end));
    if (!element.empty()) use(element);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

// The fields that decide where the message ends and whether another may follow; each is looked at exactly once here.
class FramingRules {
 public:
  void take(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 4:
        if (equals_ignoring_case(name, "Host")) {
          if (std::exchange(has_host_, true)) refuse(400, "there is more than one Host header");
          check_host(value);
        }
        break;
      case 6:
        if (equals_ignoring_case(name, "Expect")) {
          if (!equals_ignoring_case(value, "100-continue")) refuse(417, "the expectation is not known here");
          expects_continue_ = true;
        }
        break;
      case 10:
        if (equals_ignoring_case(name, "Connection")) {
          for_each_element(value, [&](std::string_view option) {
            close_ = close_ || equals_ignoring_case(option, "close");
            keep_alive_ = keep_alive_ || equals_ignoring_case(option, "keep-alive");
          });
        }
        break;
      case 12:
        if (equals_ignoring_case(name, "Content-Type") && std::exchange(has_content_type_, true)) {
          refuse(400, "there is more than one Content-Type header");
        }
        break;
      case 14:
        if (equals_ignoring_case(name, "Content-Length")) {
          if (std::exchange(has_length_, true)) refuse(400, "there is more than one Content-Length header");
          length_ = parse_content_length(value);
        } else if (equals_ignoring_case(name, "Content_Length")) {
          refuse(400, "a header name looks like Content-Length and is not");
        }
        break;
      case 16:
        if (equals_ignoring_case(name, "Content-Encoding")) {
          if (!equals_ignoring_case(value, "identity")) refuse(415, "the body is compressed; send it as it is");
        }
        break;
      case 17:
        if (equals_ignoring_case(name, "Transfer-Encoding")) {
          if (std::exchange(has_encoding_, true)) refuse(400, "there is more than one Transfer-Encoding header");
          if (!equals_ignoring_case(value, "chunked")) {
            const bool known_abuse = value.find(',') != std::string_view::npos || value.empty() || !is_token(value);
            refuse(known_abuse ? 400 : 501, "the only transfer coding that is understood is \"chunked\"");
          }
        } else if (equals_ignoring_case(name, "Transfer_Encoding")) {
          refuse(400, "a header name looks like Transfer-Encoding and is not");
        }
        break;
      default:
        break;
    }
  }

  void apply(RequestHead& head) const {
    if (!has_host_ && head.minor_version > 0) refuse(400, "there is no Host header");
    if (has_encoding_ && has_length_) refuse(400, "there are both Content-Length and Transfer-Encoding");
    if (has_encoding_ && head.minor_version == 0) refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (has_encoding_) head.framing = Framing::kChunked;
    if (has_length_) {
      head.framing = length_ > 0 ? Framing::kLength : Framing::kNone;
      head.content_length = length_;
    }
    // Content of these has no meaning, and some programs in front skip over it and some do not.
    const bool has_body = head.framing != Framing::kNone;
    if (has_body && (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS" ||
                     head.method == "TRACE" || head.method == "CONNECT")) {
      refuse(400, std::string(head.method) + " takes no body");
    }
    head.keep_alive = !close_ && (head.minor_version > 0 || keep_alive_);
    head.expects_continue = expects_continue_ && has_body && head.minor_version > 0;
  }

 private:
  bool has_host_ = false, has_content_type_ = false, has_length_ = false, has_encoding_ = false;
  bool close_ = false, keep_alive_ = false, expects_continue_ = false;
  std::uint64_t length_ = 0;
};

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return kIsTokenCharacter[static_cast<unsigned char>(c)]; });
}

std::size_t HeadScanner::find_end(std::string_view text) {
  while (seen_ < text.size()) {
    const std::size_t newline = text.find('\n', seen_);
    const bool in_request_line = line_begin_ == 0;
    const std::size_t line_end = std::min(newline, text.size());
    if (in_request_line && line_end > limits_.target_bytes + 256) {
      // A method of that length is no method, and a target of that length is none that we know.
      const std::size_t blank = text.substr(0, 64).find(' ');
      if (blank == std::string_view::npos) refuse(400, "the request line does not begin with a method");
      refuse(414, "the request target is too long");
    }
    if (line_end > limits_.head_bytes) refuse(431, "the header is too large");
    if (newline == std::string_view::npos) {
      seen_ = text.size();
      return 0;
    }
    if (newline == line_begin_ || text[newline - 1] != '\r') refuse(400, "a line does not end in CR LF");
    seen_ = newline + 1;
    if (newline == line_begin_ + 1) return seen_;
    line_begin_ = seen_;
  }
  return 0;
}

RequestHead parse_head(std::string_view text, const HeadLimits& limits) {
  if (text.size() <= 2) refuse(400, "there is no request line");
  RequestHead head;
  parse_request_line(take_line(text), limits, head);
  head.fields.reserve(16);
  FramingRules rules;
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    if (head.fields.size() == limits.fields) refuse(431, "there are too many headers");
    const auto [name, value] = parse_field(line);
    rules.take(name, value);
    head.fields.emplace_back(name, value);
  }
  rules.apply(head);
  return head;
}

}  // namespace penstock::listener
