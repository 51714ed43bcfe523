// Raw deflate (RFC 1951) read back, in pieces.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

namespace penstock::archive {

// Not thread-safe.
class StreamInflater {
 public:
  using Sink = std::function<void(std::string_view)>;
  explicit StreamInflater(Sink sink);
  ~StreamInflater();

  // False for what is not deflate, or goes on after its end. Error{kCancelled}; the sink's exceptions pass through.
  bool write(std::string_view packed, const std::stop_token& stop = {});
  // The end of the stream was seen.
  bool is_complete() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::archive
