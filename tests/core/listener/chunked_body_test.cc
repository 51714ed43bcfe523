#include "core/listener/chunked_body.h"

#include <gtest/gtest.h>

#include "core/listener/request_head.h"

namespace penstock::listener {
namespace {

struct Decoded {
  int status = 0;  // 0 = complete, -1 = more is needed
  std::string body, rest;
};

Decoded decode(std::string_view text, std::size_t piece = std::string_view::npos, std::uint64_t limit = 1000) {
  ChunkedBody chunks(limit);
  Decoded decoded;
  try {
    while (!text.empty() && !chunks.done()) {
      const std::string_view part = text.substr(0, piece);
      text.remove_prefix(chunks.feed(part, decoded.body));
    }
  } catch (const BadRequest& bad) {
    decoded.status = bad.status;
    return decoded;
  }
  decoded.status = chunks.done() ? 0 : -1;
  decoded.rest = text;
  return decoded;
}

TEST(ChunkedBody, JoinsChunksHoweverTheyArrive) {
  const std::string text = "5\r\nhello\r\n00A;ext=1;q=\"x y\"\r\n, penstock\r\n0\r\nX-Sum: abc\r\n\r\nGET /";
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 1000u}) {
    const Decoded decoded = decode(text, piece);
    EXPECT_EQ(decoded.status, 0) << piece;
    EXPECT_EQ(decoded.body, "hello, penstock");
    EXPECT_EQ(decoded.rest, "GET /");
  }
}

TEST(ChunkedBody, WantsMoreUntilTheLastLine) {
  EXPECT_EQ(decode("5\r\nhello\r\n").status, -1);
  EXPECT_EQ(decode("0\r\n").status, -1);
  EXPECT_EQ(decode("0\r\n\r\n").status, 0);
}

TEST(ChunkedBody, StopsBeforeAChunkThatWouldPassTheLimit) {
  EXPECT_EQ(decode("3E8\r\n" + std::string(1000, 'x') + "\r\n0\r\n\r\n").status, 0);
  EXPECT_EQ(decode("3E9\r\n").status, 413);
  EXPECT_EQ(decode("3E8\r\n" + std::string(1000, 'x') + "\r\n1\r\n").status, 413);
  EXPECT_EQ(decode("FFFFFFFFFFFFFFF\r\n").status, 413);
}

TEST(ChunkedBody, RefusesWhatIsUnclear) {
  for (const std::string_view text : {"FFFFFFFFFFFFFFFF0\r\n",
                                      "0x5\r\nhello",
                                      "+5\r\nhello",
                                      "-1\r\n",
                                      " 5\r\nhello",
                                      "5 \r\nhello",
                                      "\r\nhello",
                                      "5;\r\nhello",
                                      "5;a b\r\nhello",
                                      "5;a=\r\nhello",
                                      "5;a=\"b\r\nhello",
                                      "5\nhello",
                                      "5\r\nhello!\r\n",
                                      "5\r\nhello\n0\r\n\r\n",
                                      "5\r\nhello0\r\n\r\n",
                                      "5\rhello\r\n",
                                      "5;a\rb\r\nhello",
                                      "1_0\r\n",
                                      "g\r\n",
                                      "0\r\n\n",
                                      "0\r\nno colon\r\n\r\n",
                                      "0\r\nA : b\r\n\r\n",
                                      "0\r\n folded\r\n\r\n"}) {
    EXPECT_EQ(decode(text).status, 400) << text;
  }
  EXPECT_EQ(decode("5;" + std::string(300, 'a')).status, 400);
  EXPECT_EQ(decode(std::string_view("5;\0\r\nhello", 11)).status, 400);
}

TEST(ChunkedBody, BoundsTrailers) {
  std::string trailers;
  for (int i = 0; i < 1000; ++i) trailers += "A: 0123456789\r\n";
  EXPECT_EQ(decode("0\r\n" + trailers + "\r\n").status, 431);
}

}  // namespace
}  // namespace penstock::listener
