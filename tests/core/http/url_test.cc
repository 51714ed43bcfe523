#include "core/http/url.h"

#include <gtest/gtest.h>

namespace penstock::http {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* origin;  // empty = refused
  const char* path = "/";
  const char* query = "";
  const char* user_info = "";
};

class ParseUrl : public ::testing::TestWithParam<Case> {};

TEST_P(ParseUrl, SplitsOrRefuses) {
  const auto url = parse_url(GetParam().text);
  if (*GetParam().origin == '\0') {
    EXPECT_FALSE(url) << url->to_string();
    return;
  }
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin(), GetParam().origin);
  EXPECT_EQ(url->path, GetParam().path);
  EXPECT_EQ(url->query, GetParam().query);
  EXPECT_EQ(url->user_info, GetParam().user_info);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseUrl,
    ::testing::Values(Case{"plain", "https://example.com", "https://example.com"},
                      Case{"default_port", "https://example.com:443/a", "https://example.com", "/a"},
                      Case{"empty_port", "http://example.com:/a", "http://example.com", "/a"},
                      Case{"port", "HTTP://Example.COM:8080/A/../b?c=%2f#frag", "http://example.com:8080", "/A/../b",
                           "c=%2f"},
                      Case{"query_only", "https://h?x", "https://h", "/", "x"},
                      Case{"ipv6", "http://[::1]:99/x", "http://[::1]:99", "/x"},
                      Case{"user", "https://u:p@ss@host/", "https://host", "/", "", "u:p@ss"},
                      Case{"other_scheme", "ftp://example.com/", ""}, Case{"no_scheme", "example.com/x", ""},
                      Case{"no_host", "http:///x", ""}, Case{"bad_port", "http://h:0/", ""},
                      Case{"big_port", "http://h:65536/", ""}, Case{"letters_in_port", "http://h:8a/", ""},
                      Case{"space", "http://h/a b", ""}, Case{"line_end", "http://h/a\r\nX: y", ""},
                      Case{"bad_host", "http://h%41/", ""}, Case{"open_bracket", "http://[::1/", ""},
                      Case{"name_in_brackets", "http://[host]/", ""}, Case{"back_slash", "http://h\\@evil/", ""}),
    [](const auto& entry) { return entry.param.name; });

TEST(PrintableUrl, HasNeitherUserInfoNorQuery) {
  EXPECT_EQ(printable_url("https://user:hunter2@host:8443/a?token=hunter2"), "https://host:8443/a");
  EXPECT_EQ(printable_url("hunter2"), "(malformed URL)");
}

TEST(IsLoopbackHost, KnowsNamesAndAddresses) {
  for (const char* host : {"localhost", "s3.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host : {"example.com", "128.0.0.1", "localhost.example.com", "127.example.com"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

}  // namespace
}  // namespace penstock::http
