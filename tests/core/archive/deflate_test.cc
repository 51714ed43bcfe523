#include "core/archive/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace penstock::archive {
namespace {

std::string inflate_raw(const std::string& compressed, std::size_t size) {
  std::string result(size, '\0');
  z_stream stream{};
  inflateInit2(&stream, -15);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  const int status = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return status == Z_STREAM_END ? result : "not deflate";
}

TEST(Deflater, RoundTrips) {
  const std::string text(10'000, 'x');
  Deflater deflater(6);
  const auto compressed = deflater.compress(text);
  ASSERT_TRUE(compressed);
  EXPECT_EQ(inflate_raw(*compressed, text.size()), text);
}

TEST(Deflater, DeclinesWhatWouldNotBecomeSmaller) {
  Deflater deflater(6);
  EXPECT_FALSE(deflater.compress(""));
  EXPECT_FALSE(deflater.compress("a"));
  EXPECT_FALSE(deflater.compress("abcdefgh"));
}

TEST(StreamDeflater, RoundTripsInPieces) {
  std::string compressed, text;
  StreamDeflater deflater(6, [&](std::string_view piece) { compressed += piece; });
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = std::to_string(i * 7919) + ",";
    deflater.write(piece);
    text += piece;
  }
  deflater.finish();
  EXPECT_EQ(inflate_raw(compressed, text.size()), text);
}

TEST(Crc32, ContinuesFromPieceToPiece) {
  EXPECT_EQ(update_crc32(0, "123456789"), 0xCBF43926u);
  EXPECT_EQ(update_crc32(update_crc32(0, "1234"), "56789"), 0xCBF43926u);
}

}  // namespace
}  // namespace penstock::archive
