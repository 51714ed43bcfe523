#include "core/listener/proxy_header.h"

#include <gtest/gtest.h>

#include "core/listener/request_head.h"

namespace penstock::listener {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

TEST(ProxyHeader, ReadsVersion1) {
  const ProxyHeader header = parse_proxy_header("PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\nGET /");
  EXPECT_EQ(header.length, 44u);
  EXPECT_EQ(header.client_address, "192.0.2.7");
  EXPECT_EQ(parse_proxy_header("PROXY TCP6 2001:DB8::1 ::1 1 2\r\n").client_address, "2001:db8::1");
  EXPECT_EQ(parse_proxy_header("PROXY UNKNOWN\r\n").length, 15u);
  EXPECT_FALSE(parse_proxy_header("PROXY UNKNOWN a b c\r\n").client_address);
}

TEST(ProxyHeader, ReadsVersion2) {
  std::string text = kSignature + std::string("\x21\x11\x00\x0f", 4) +
                     std::string("\xc0\x00\x02\x07\xc6\x33\x64\x01\x13\x88\x01\xbb", 12) + "ext";
  ProxyHeader header = parse_proxy_header(text + "GET /");
  EXPECT_EQ(header.length, 31u);
  EXPECT_EQ(header.client_address, "192.0.2.7");
  header = parse_proxy_header(kSignature + std::string("\x20\x00\x00\x00", 4));
  EXPECT_EQ(header.length, 16u);
  EXPECT_FALSE(header.client_address);
}

TEST(ProxyHeader, WaitsForTheRest) {
  const std::string one = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n";
  for (std::size_t size = 0; size < one.size(); ++size) EXPECT_EQ(parse_proxy_header(one.substr(0, size)).length, 0u);
  const std::string two = kSignature + std::string("\x21\x11\x00\x0c", 4) + std::string(12, '\1');
  for (std::size_t size = 0; size < two.size(); ++size) EXPECT_EQ(parse_proxy_header(two.substr(0, size)).length, 0u);
}

TEST(ProxyHeader, RefusesAnythingElse) {
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n"), std::string("PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n"),
        std::string("PROXY TCP4 1.2.3.4 4.5.6.7 1 2 3\r\n"), std::string("PROXY TCP4 1.2.3.4 4.5.6.7 x 2\r\n"),
        std::string("PROXY UDP4 1.2.3.4 4.5.6.7 1 2\r\n"), "PROXY " + std::string(110, 'a'),
        kSignature + std::string("\x11\x11\x00\x0c", 4) + std::string(12, '\1'),
        kSignature + std::string("\x21\x11\x00\x04", 4) + std::string(4, '\1'),
        kSignature + std::string("\x21\x11\xff\xff", 4)}) {
    EXPECT_THROW(parse_proxy_header(text), BadRequest) << text;
  }
}

}  // namespace
}  // namespace penstock::listener
