#include "core/listener/response_head.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::listener {
namespace {

constexpr ResponseContext kContext{.date = "Sat, 21 Nov 2026 10:00:00 GMT", .request_id = "r1"};

std::string head_of(const Response& response, const ResponseContext& context = kContext) {
  std::string head;
  append_response_head(head, response, context);
  return head;
}

bool has(const std::string& head, const std::string& field) {
  return head.find(field) != std::string::npos;
}

TEST(ResponseHead, HasWhatEveryResponseHas) {
  const std::string head = head_of({.status = 200, .body = "abc"});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nContent-Length: 3\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nX-Request-Id: r1\r\n")) << head;
  EXPECT_TRUE(has(head, "\r\nCache-Control: no-store\r\n")) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST(ResponseHead, ALineEndInAValueBecomesABlank) {
  Response response;
  response.headers.emplace_back("Allow", std::string("GET\r\nSet-Cookie: a=b\nx\0y", 24));
  const std::string head = head_of(response);
  EXPECT_TRUE(has(head, "\r\nAllow: GET  Set-Cookie: a=b x y\r\n")) << head;
}

TEST(ResponseHead, AResponseWithoutBodyHasNoLength) {
  for (const int status : {204, 304}) {
    const std::string head = head_of({.status = status});
    EXPECT_FALSE(has(head, "Content-Length")) << head;
    EXPECT_FALSE(has(head, "\r\nContent-Type:")) << head;
  }
}

TEST(ResponseHead, SaysWhetherTheConnectionStays) {
  const auto with = [](bool keep_alive, int minor_version) {
    ResponseContext context = kContext;
    context.keep_alive = keep_alive;
    context.minor_version = minor_version;
    return head_of({}, context);
  };
  EXPECT_FALSE(has(with(true, 1), "Connection:"));
  EXPECT_TRUE(has(with(true, 0), "\r\nConnection: keep-alive\r\n"));
  EXPECT_TRUE(has(with(false, 1), "\r\nConnection: close\r\n"));
  EXPECT_TRUE(has(with(false, 0), "\r\nConnection: close\r\n"));
}

TEST(ResponseHead, AStreamIsChunkedExceptToHttp10) {
  Response response;
  response.stream = [](const std::function<bool(std::string_view)>&) { return false; };
  EXPECT_TRUE(has(head_of(response), "\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(has(head_of(response), "Content-Length"));
  ResponseContext old = kContext;
  old.minor_version = 0;
  old.keep_alive = false;
  EXPECT_FALSE(has(head_of(response, old), "Transfer-Encoding"));
}

TEST(ResponseHead, ItsOwnCacheControlIsKept) {
  Response response;
  response.headers.emplace_back("cache-control", "max-age=60");
  const std::string head = head_of(response);
  EXPECT_TRUE(has(head, "\r\ncache-control: max-age=60\r\n")) << head;
  EXPECT_FALSE(has(head, "no-store")) << head;
}

}  // namespace
}  // namespace penstock::listener
