#include "core/archive/deflate.h"

#include <algorithm>
#include <limits>

#include <libdeflate.h>
#include <zlib.h>

#include "core/base/error.h"
#include "core/base/handle.h"

namespace penstock::archive {

std::uint32_t update_crc32(std::uint32_t crc, std::string_view data) noexcept {
  return libdeflate_crc32(crc, data.data(), data.size());
}

struct Deflater::State {
  Handle<libdeflate_compressor, libdeflate_free_compressor> compressor;
};

Deflater::Deflater(int level) : state_(std::make_unique<State>()) {
  state_->compressor.reset(libdeflate_alloc_compressor(std::clamp(level, 1, 12)));
  if (!state_->compressor) throw Error(ErrorKind::kExhausted, "compressing: out of memory");
}
Deflater::~Deflater() = default;

std::optional<std::string> Deflater::compress(std::string_view data) {
  if (data.size() < 2) return std::nullopt;
  std::string compressed(data.size() - 1, '\0');
  const std::size_t size = libdeflate_deflate_compress(state_->compressor.get(), data.data(), data.size(),
                                                       compressed.data(), compressed.size());
  if (size == 0) return std::nullopt;
  compressed.resize(size);
  return compressed;
}

struct StreamDeflater::State {
  z_stream stream{};
  Sink sink;
  std::string buffer = std::string(256u << 10, '\0');
  ~State() { deflateEnd(&stream); }
};

StreamDeflater::StreamDeflater(int level, Sink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  const int window_bits = -15;  // raw deflate
  if (deflateInit2(&state_->stream, std::clamp(level, 1, 9), Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(ErrorKind::kExhausted, "compressing: out of memory");
  }
}
StreamDeflater::~StreamDeflater() = default;

void StreamDeflater::write(std::string_view data) {
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, std::numeric_limits<uInt>::max());
    pump(piece, Z_NO_FLUSH);
    data.remove_prefix(piece.size());
  }
}

void StreamDeflater::finish() {
  pump({}, Z_FINISH);
}

void StreamDeflater::pump(std::string_view data, int flush) {
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib reads only
  stream.avail_in = static_cast<uInt>(data.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(state_->buffer.data());
    stream.avail_out = static_cast<uInt>(state_->buffer.size());
    deflate(&stream, flush);
    state_->sink(std::string_view(state_->buffer).substr(0, state_->buffer.size() - stream.avail_out));
  } while (stream.avail_out == 0);
}

}  // namespace penstock::archive
