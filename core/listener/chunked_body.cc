#include "core/listener/chunked_body.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/listener/request_head.h"

namespace penstock::listener {
namespace {

constexpr std::size_t kMaxSizeLine = 256;  // extensions have no use here
constexpr std::size_t kMaxTrailers = 8u << 10;

[[noreturn]] void refuse(std::string detail) {
  throw BadRequest{400, std::move(detail)};
}

// *( ";" token [ "=" ( token / quoted-string ) ] ), without blanks.
void check_extensions(std::string_view text) {
  while (!text.empty()) {
    if (text.front() != ';') refuse("a chunk size is not a hexadecimal number");
    text.remove_prefix(1);
    std::size_t end = std::min(text.find_first_of(";="), text.size());
    if (!is_token(text.substr(0, end))) refuse("a chunk extension is not valid");
    text.remove_prefix(end);
    if (text.empty() || text.front() == ';') continue;
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '"') {
      end = text.find('"', 1);
      if (end == std::string_view::npos || text.substr(1, end - 1).find('\\') != std::string_view::npos) {
        refuse("a chunk extension is not valid");
      }
      for (const char c : text.substr(1, end - 1)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse("a chunk extension is not valid");
      }
      text.remove_prefix(end + 1);
    } else {
      end = std::min(text.find(';'), text.size());
      if (!is_token(text.substr(0, end))) refuse("a chunk extension is not valid");
      text.remove_prefix(end);
    }
  }
}

}  // namespace

std::size_t ChunkedBody::feed(std::string_view text, std::string& body) {
  std::size_t used = 0;
  while (used < text.size() && state_ != State::kDone) {
    switch (state_) {
      case State::kSizeLine:
        if (take_line(text, used, kMaxSizeLine)) begin_chunk();
        break;
      case State::kData: {
        const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, text.size() - used));
        body.append(text.substr(used, take));
        used += take;
        left_ -= take;
        if (left_ == 0) state_ = State::kDataEnd;
        break;
      }
      case State::kDataEnd:
        if (text[used] != (line_.empty() ? '\r' : '\n')) refuse("a chunk is longer than its size says");
        line_.push_back(text[used++]);
        if (line_.size() == 2) {
          line_.clear();
          state_ = State::kSizeLine;
        }
        break;
      case State::kTrailers:
        if (!take_line(text, used, kMaxTrailers)) break;
        trailer_bytes_ += line_.size();
        if (trailer_bytes_ > kMaxTrailers) throw BadRequest{431, "the trailers are too large"};
        if (line_.size() == 2) {
          state_ = State::kDone;
        } else {
          check_trailer();
        }
        line_.clear();
        break;
      case State::kDone:
        break;
    }
  }
  return used;
}

// True when line_ is complete.
bool ChunkedBody::take_line(std::string_view text, std::size_t& used, std::size_t max_bytes) {
  const std::size_t newline = text.find('\n', used);
  const std::size_t end = newline == std::string_view::npos ? text.size() : newline + 1;
  if (line_.size() + (end - used) > max_bytes) refuse("a line of the chunked body is too long");
  line_.append(text.substr(used, end - used));
  used = end;
  if (newline == std::string_view::npos) return false;
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') refuse("a line does not end in CR LF");
  return true;
}

void ChunkedBody::begin_chunk() {
  const std::string_view line = std::string_view(line_).substr(0, line_.size() - 2);
  std::size_t digits = 0;
  std::uint64_t size = 0;
  while (digits < line.size() && hex_digit_value(line[digits]) >= 0) {
    if (size >> 60 != 0) refuse("a chunk size is larger than any body");
    size = size * 16 + static_cast<std::uint64_t>(hex_digit_value(line[digits++]));
  }
  if (digits == 0) refuse("a chunk size is not a hexadecimal number");
  check_extensions(line.substr(digits));
  line_.clear();
  if (size > max_body_bytes_ - body_bytes_) {
    throw BadRequest{413, "the body is larger than " + std::to_string(max_body_bytes_) + " bytes"};
  }
  body_bytes_ += size;
  left_ = size;
  state_ = size == 0 ? State::kTrailers : State::kData;
}

// Trailers are read over; what they say has no effect.
void ChunkedBody::check_trailer() const {
  const std::string_view line = std::string_view(line_).substr(0, line_.size() - 2);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) refuse("a trailer is not valid");
  for (const char c : line.substr(colon)) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) refuse("a trailer is not valid");
  }
}

}  // namespace penstock::listener
