#include "core/listener/request_head.h"

#include <gtest/gtest.h>

namespace penstock::listener {
namespace {

struct Outcome {
  int status = 0;  // 0 = accepted
  std::string detail;
  RequestHead head;
};

// The text must live as long as the result.
Outcome read(const std::string& text) {
  const HeadLimits limits;
  HeadScanner scanner(limits);
  try {
    const std::size_t length = scanner.find_end(text);
    if (length == 0) return {.status = -1, .detail = "incomplete", .head = {}};
    return {.status = 0, .detail = {}, .head = parse_head(std::string_view(text).substr(0, length), limits)};
  } catch (const BadRequest& bad) {
    return {.status = bad.status, .detail = bad.detail, .head = {}};
  }
}

std::string with_fields(const std::string& fields, const std::string& line = "POST /a HTTP/1.1") {
  return line + "\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(RequestHead, ReadsLineAndFields) {
  const std::string text =
      "POST /a/b?c=d%20e HTTP/1.1\r\nHost: example.com:8443\r\nX-Empty:\r\nX-Blank: \t v w \t\r\n"
      "Content-Length: 12\r\n\r\nrest";
  const Outcome outcome = read(text);
  ASSERT_EQ(outcome.status, 0) << outcome.detail;
  EXPECT_EQ(outcome.head.method, "POST");
  EXPECT_EQ(outcome.head.target, "/a/b?c=d%20e");
  EXPECT_EQ(outcome.head.framing, Framing::kLength);
  EXPECT_EQ(outcome.head.content_length, 12u);
  EXPECT_TRUE(outcome.head.keep_alive);
  ASSERT_EQ(outcome.head.fields.size(), 4u);
  EXPECT_EQ(outcome.head.fields[1].second, "");
  EXPECT_EQ(outcome.head.fields[2].second, "v w");
}

TEST(RequestHead, FindsTheEndHoweverTheBytesArrive) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\nGET /next";
  const HeadLimits limits;
  HeadScanner scanner(limits);
  const std::size_t end = text.find("\r\n\r\n") + 4;
  for (std::size_t size = 1; size < end; ++size) {
    ASSERT_EQ(scanner.find_end(std::string_view(text).substr(0, size)), 0u) << size;
  }
  EXPECT_EQ(scanner.find_end(text), end);
}

TEST(RequestHead, TargetsOfAllForms) {
  struct Case {
    std::string line, target;
  };
  for (const Case& one : std::vector<Case>{{"GET / HTTP/1.1", "/"},
                                           {"GET http://h/a?b HTTP/1.1", "/a?b"},
                                           {"GET HTTPS://h:1 HTTP/1.1", "/"},
                                           {"OPTIONS * HTTP/1.1", "*"},
                                           {"GET /a|b HTTP/1.1", "/a|b"},
                                           {"GET //a HTTP/1.1", "//a"}}) {
    SCOPED_TRACE(one.line);
    const std::string text = with_fields("", one.line);
    const Outcome outcome = read(text);
    EXPECT_EQ(outcome.status, 0) << outcome.detail;
    EXPECT_EQ(outcome.head.target, one.target);
  }
}

TEST(RequestHead, WhetherTheConnectionGoesOn) {
  struct Case {
    std::string line, fields;
    bool keep_alive;
  };
  for (const Case& one : std::vector<Case>{{"GET / HTTP/1.1", "", true},
                                           {"GET / HTTP/1.1", "Connection: close\r\n", false},
                                           {"GET / HTTP/1.1", "Connection: x, Close\r\n", false},
                                           {"GET / HTTP/1.0", "", false},
                                           {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
                                           {"GET / HTTP/1.1", "Connection: keep-alive, close\r\n", false}}) {
    SCOPED_TRACE(one.line + " " + one.fields);
    const std::string text = with_fields(one.fields, one.line);
    EXPECT_EQ(read(text).head.keep_alive, one.keep_alive);
  }
}

struct Refusal {
  std::string name, text;
  int status;
};

class RefusedHead : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedHead, HasItsStatus) {
  const Outcome outcome = read(GetParam().text);
  EXPECT_EQ(outcome.status, GetParam().status) << outcome.detail;
}

INSTANTIATE_TEST_SUITE_P(
    Lines, RefusedHead,
    ::testing::Values(Refusal{"bare_lf_after_the_request_line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
                      Refusal{"bare_lf_after_a_field", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400},
                      Refusal{"bare_cr_in_a_value", with_fields("A: b\rc\r\n"), 400},
                      Refusal{"bare_cr_as_line_end", "GET / HTTP/1.1\rHost: h\r\n\r\n", 400},
                      Refusal{"nul_in_a_value", with_fields(std::string("A: b\0c\r\n", 8)), 400},
                      Refusal{"folded_line", with_fields("A: b\r\n c\r\n"), 400},
                      Refusal{"blank_line_before_fields", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
                      Refusal{"blank_before_the_colon", with_fields("A : b\r\n"), 400},
                      Refusal{"tab_before_the_colon", with_fields("A\t: b\r\n"), 400},
                      Refusal{"no_colon", with_fields("nothing\r\n"), 400},
                      Refusal{"no_name", with_fields(": a\r\n"), 400},
                      Refusal{"bracket_in_a_name", with_fields("A[: b\r\n"), 400},
                      Refusal{"umlaut_in_a_name", with_fields("\xc3\xa4: b\r\n"), 400},
                      Refusal{"two_blanks_in_the_request_line", with_fields("", "GET  / HTTP/1.1"), 400},
                      Refusal{"tab_in_the_request_line", with_fields("", "GET\t/ HTTP/1.1"), 400},
                      Refusal{"blank_in_the_target", with_fields("", "GET /a b HTTP/1.1"), 400},
                      Refusal{"no_version", with_fields("", "GET /"), 400},
                      Refusal{"lower_case_version", with_fields("", "GET / http/1.1"), 400},
                      Refusal{"long_version", with_fields("", "GET / HTTP/01.1"), 400},
                      Refusal{"version_2", with_fields("", "PRI * HTTP/2.0"), 505},
                      Refusal{"fragment", with_fields("", "GET /a#b HTTP/1.1"), 400},
                      Refusal{"backslash", with_fields("", "GET /a\\b HTTP/1.1"), 400},
                      Refusal{"raw_utf8", with_fields("", "GET /\xc3\xa4 HTTP/1.1"), 400},
                      Refusal{"encoded_nul", with_fields("", "GET /a%00b HTTP/1.1"), 400},
                      Refusal{"encoded_newline", with_fields("", "GET /a%0d%0ab HTTP/1.1"), 400},
                      Refusal{"broken_encoding", with_fields("", "GET /a%2 HTTP/1.1"), 400},
                      Refusal{"star_with_get", with_fields("", "GET * HTTP/1.1"), 400},
                      Refusal{"relative_target", with_fields("", "GET a HTTP/1.1"), 400},
                      Refusal{"connect", with_fields("", "CONNECT h:443 HTTP/1.1"), 501},
                      Refusal{"only_blanks", "   \r\n\r\n", 400}),
    [](const auto& parameter) { return parameter.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Framing, RefusedHead,
    ::testing::Values(
        Refusal{"length_and_encoding", with_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400},
        Refusal{"encoding_and_length", with_fields("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400},
        Refusal{"two_lengths", with_fields("Content-Length: 3\r\nContent-Length: 4\r\n"), 400},
        Refusal{"same_length_twice", with_fields("Content-Length: 3\r\nContent-Length: 3\r\n"), 400},
        Refusal{"list_of_lengths", with_fields("Content-Length: 3, 3\r\n"), 400},
        Refusal{"empty_length", with_fields("Content-Length: \r\n"), 400},
        Refusal{"signed_length", with_fields("Content-Length: +3\r\n"), 400},
        Refusal{"negative_length", with_fields("Content-Length: -0\r\n"), 400},
        Refusal{"hex_length", with_fields("Content-Length: 0x3\r\n"), 400},
        Refusal{"length_with_a_blank", with_fields("Content-Length: 1 0\r\n"), 400},
        Refusal{"huge_length", with_fields("Content-Length: 18446744073709551616\r\n"), 400},
        Refusal{"disguised_length", with_fields("Content_Length: 3\r\n"), 400},
        Refusal{"disguised_encoding", with_fields("Transfer_Encoding: chunked\r\n"), 400},
        Refusal{"two_encodings", with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        Refusal{"encoding_twice", with_fields("Transfer-Encoding: chunked, chunked\r\n"), 400},
        Refusal{"list_with_an_empty_part", with_fields("Transfer-Encoding: , chunked\r\n"), 400},
        Refusal{"encoding_with_parameter", with_fields("Transfer-Encoding: chunked;a=b\r\n"), 400},
        Refusal{"unknown_encoding", with_fields("Transfer-Encoding: gzip\r\n"), 501},
        Refusal{"encoding_in_1_0", with_fields("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), 400},
        Refusal{"body_with_get", with_fields("Content-Length: 3\r\n", "GET / HTTP/1.1"), 400},
        Refusal{"body_with_options", with_fields("Transfer-Encoding: chunked\r\n", "OPTIONS / HTTP/1.1"), 400},
        Refusal{"compressed_body", with_fields("Content-Encoding: gzip\r\n"), 415},
        Refusal{"unknown_expectation", with_fields("Expect: 200-ok\r\n"), 417},
        Refusal{"no_host", "GET / HTTP/1.1\r\n\r\n", 400}, Refusal{"two_hosts", with_fields("Host: h\r\n"), 400},
        Refusal{"empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        Refusal{"host_with_user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
        Refusal{"host_with_path", "GET / HTTP/1.1\r\nHost: h/p\r\n\r\n", 400},
        Refusal{"host_list", "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", 400},
        Refusal{"host_with_bad_port", "GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", 400}),
    [](const auto& parameter) { return parameter.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Sizes, RefusedHead,
    ::testing::Values(Refusal{"long_target", "GET /" + std::string(9000, 'a'), 414},
                      Refusal{"long_target_at_once", with_fields("", "GET /" + std::string(8300, 'a') + " HTTP/1.1"),
                              414},
                      Refusal{"long_method", std::string(9000, 'A'), 400},
                      Refusal{"long_value", with_fields("A: " + std::string(40000, 'a') + "\r\n"), 431},
                      Refusal{"many_fields", with_fields([] {
                                std::string fields;
                                for (int i = 0; i < 101; ++i) fields += "A: b\r\n";
                                return fields;
                              }()),
                              431}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(RequestHead, OldClientsNeedNoHost) {
  const std::string text = "OPTIONS / HTTP/1.0\r\n\r\n";
  EXPECT_EQ(read(text).status, 0);
}

TEST(RequestHead, AZeroLengthIsNoBody) {
  const std::string text = with_fields("Content-Length: 0\r\nExpect: 100-continue\r\n");
  const Outcome outcome = read(text);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.head.framing, Framing::kNone);
  EXPECT_FALSE(outcome.head.expects_continue);
}

}  // namespace
}  // namespace penstock::listener
