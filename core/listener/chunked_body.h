// Takes the chunks of a body apart as they arrive (RFC 9112 section 7.1), as strictly as the head is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::listener {

class ChunkedBody {
 public:
  explicit ChunkedBody(std::uint64_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  // Appends what `text` holds of the body to `body` and returns how much of `text` was used; after done() that is what
  // came before the next request. Throws BadRequest: 413 past the bound, 400 for anything unclear.
  std::size_t feed(std::string_view text, std::string& body);
  bool done() const noexcept { return state_ == State::kDone; }

 private:
  enum class State { kSizeLine, kData, kDataEnd, kTrailers, kDone };
  bool take_line(std::string_view text, std::size_t& used, std::size_t max_bytes);
  void begin_chunk();
  void check_trailer() const;

  const std::uint64_t max_body_bytes_;
  State state_ = State::kSizeLine;
  std::uint64_t left_ = 0;        // of the chunk's data
  std::uint64_t body_bytes_ = 0;  // of all chunks announced so far
  std::size_t trailer_bytes_ = 0;
  std::string line_;  // what has arrived of a size line or trailer, its CRLF included
};

}  // namespace penstock::listener
