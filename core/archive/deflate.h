// Raw deflate (RFC 1951) and CRC-32: whole buffers by libdeflate, streams by zlib.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::archive {

std::uint32_t update_crc32(std::uint32_t crc, std::string_view data) noexcept;  // starts at 0

// Compresses one buffer after another. Not thread-safe; keep one a thread.
class Deflater {
 public:
  explicit Deflater(int level);  // 1..12
  ~Deflater();
  // Nothing when the result would not be smaller than the input.
  std::optional<std::string> compress(std::string_view data);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Compresses what is too large to hold. Output goes to the sink in pieces. Not thread-safe.
class StreamDeflater {
 public:
  using Sink = std::function<void(std::string_view)>;
  StreamDeflater(int level, Sink sink);  // 1..12; zlib knows up to 9
  ~StreamDeflater();
  void write(std::string_view data);
  void finish();

 private:
  struct State;
  void pump(std::string_view data, int flush);
  std::unique_ptr<State> state_;
};

}  // namespace penstock::archive
