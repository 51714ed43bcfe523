#include "core/config/values.h"

#include <gtest/gtest.h>

namespace penstock::config {
namespace {

TEST(ParseListen, AcceptsTheUsualForms) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const auto& c : std::initializer_list<Case>{{"0.0.0.0:8443", "0.0.0.0", 8443},
                                                   {"[::1]:0", "::1", 0},
                                                   {"[::]:443", "::", 443},
                                                   {":8443", "0.0.0.0", 8443},
                                                   {"localhost:8443", "localhost", 8443},
                                                   {"hooks-1.example.com:65535", "hooks-1.example.com", 65535}}) {
    const auto address = parse_listen(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(address->host, c.host);
    EXPECT_EQ(address->port, c.port);
  }
}

TEST(ParseListen, RefusesOthers) {
  for (const char* text : {"", "8443", "localhost", "localhost:", "localhost:65536", "localhost:-1", "localhost:http",
                           "::1:80", "[::1]", "[::1:80", "[localhost]:80", "256.0.0.1:80", "1.2.3:80", "-x:80",
                           "a b:80", "http://x:80", "localhost:080808"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(IsIpRange, KnowsBothFamilies) {
  for (const char* text : {"10.0.0.0/8", "10.0.0.1", "::/0", "2001:db8::/32", "0.0.0.0/0", "::1"})
    EXPECT_TRUE(is_ip_range(text));
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "x/8", "10.0.0.0/8 "})
    EXPECT_FALSE(is_ip_range(text));
}

TEST(FormatDuration, TakesTheLargestExactUnit) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_duration(milliseconds(0)), "0");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(milliseconds(90'000)), "90s");
  EXPECT_EQ(format_duration(milliseconds(3'600'000)), "1h");
  EXPECT_EQ(format_duration(milliseconds(90LL * 86'400'000)), "90d");
  EXPECT_EQ(format_bytes(4u << 20), "4MiB");
  EXPECT_EQ(format_bytes(1000), "1000");
  EXPECT_EQ(format_bytes(0), "0");
}

TEST(ParseUrl, TellsItsParts) {
  const auto url = parse_url("HTTPS://user:pa:ss@Dev.Azure.com:443/{Org}/_git/x?y");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "dev.azure.com");
  EXPECT_EQ(url->path, "/{Org}/_git/x?y");
  EXPECT_TRUE(url->has_user);
  EXPECT_TRUE(url->has_password);
  EXPECT_EQ(parse_url("ssh://git@[::1]:22/x")->host, "[::1]");
  EXPECT_EQ(parse_url("file:///srv/x.git")->path, "/srv/x.git");
  for (const char* text :
       {"", "x", "://x", "https://", "https://:80", "https://x:99999", "https://a b", "https://x:y/"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(WithoutUserInformation, HidesWhatMayBeAPassword) {
  EXPECT_EQ(without_user_information("https://u:p@host/x@y"), "https://\xE2\x80\xA6@host/x@y");
  EXPECT_EQ(without_user_information("https://a@b@host"), "https://\xE2\x80\xA6@host");
  for (const char* text : {"https://host/x", "git@host:x", "x", ""}) EXPECT_EQ(without_user_information(text), text);
}

TEST(IsAwsName, FollowsCodePipeline) {
  EXPECT_TRUE(is_aws_name("shop.main@x-y_1"));
  EXPECT_FALSE(is_aws_name(""));
  EXPECT_FALSE(is_aws_name("a b"));
  EXPECT_FALSE(is_aws_name(std::string(101, 'a')));
}

}  // namespace
}  // namespace penstock::config
