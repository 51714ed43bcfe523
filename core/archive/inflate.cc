#include "core/archive/inflate.h"

#include <string>

#include <zlib.h>

#include "core/base/error.h"

namespace penstock::archive {

struct StreamInflater::State {
  z_stream stream{};
  Sink sink;
  bool complete = false;
  std::string buffer = std::string(256u << 10, '\0');
  ~State() { inflateEnd(&stream); }
};

StreamInflater::StreamInflater(Sink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  const int window_bits = -15;  // raw deflate
  if (inflateInit2(&state_->stream, window_bits) != Z_OK) {
    throw Error(ErrorKind::kExhausted, "unpacking: out of memory");
  }
}
StreamInflater::~StreamInflater() = default;

bool StreamInflater::write(std::string_view packed, const std::stop_token& stop) {
  if (state_->complete) return packed.empty();
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads only
  stream.avail_in = static_cast<uInt>(packed.size());
  do {
    if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
    stream.next_out = reinterpret_cast<Bytef*>(state_->buffer.data());
    stream.avail_out = static_cast<uInt>(state_->buffer.size());
    const int outcome = inflate(&stream, Z_NO_FLUSH);
    if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR) return false;
    const std::size_t made = state_->buffer.size() - stream.avail_out;
    if (made > 0) state_->sink(std::string_view(state_->buffer).substr(0, made));
    if (outcome == Z_STREAM_END) {
      state_->complete = true;
      return stream.avail_in == 0;
    }
    if (outcome == Z_BUF_ERROR) break;  // more input is needed
  } while (stream.avail_in > 0 || stream.avail_out == 0);
  return true;
}

bool StreamInflater::is_complete() const noexcept {
  return state_->complete;
}

}  // namespace penstock::archive
