#include "core/git/lfs_protocol.h"

#include <gtest/gtest.h>

#include "core/json/json.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Next = LfsVerdict::Next;

const Timestamp kNow = from_milliseconds(1'795'253'400'000);  // 2026-11-21T09:30:00Z

struct Address {
  const char* remote;
  const char* batch;
  friend void PrintTo(const Address& value, std::ostream* out) { *out << value.remote; }
};

class LfsBatchUrl : public ::testing::TestWithParam<Address> {};

TEST_P(LfsBatchUrl, FollowsTheServersRule) {
  EXPECT_EQ(lfs_batch_url(parse_remote(GetParam().remote)), GetParam().batch);
}

INSTANTIATE_TEST_SUITE_P(
    LfsProtocol, LfsBatchUrl,
    ::testing::Values(
        Address{"https://git.example/team/shop", "https://git.example/team/shop.git/info/lfs/objects/batch"},
        Address{"https://git.example/team/shop.git", "https://git.example/team/shop.git/info/lfs/objects/batch"},
        Address{"https://git.example/team/shop/", "https://git.example/team/shop.git/info/lfs/objects/batch"},
        Address{"https://me@git.example:8443/shop.git/", "https://git.example:8443/shop.git/info/lfs/objects/batch"},
        Address{"https://fabrikam@dev.azure.com/fabrikam/My%20Web/_git/shop",
                "https://dev.azure.com/fabrikam/My%20Web/_git/shop/info/lfs/objects/batch"},
        Address{"https://fabrikam.visualstudio.com/DefaultCollection/_git/shop/",
                "https://fabrikam.visualstudio.com/DefaultCollection/_git/shop/info/lfs/objects/batch"},
        Address{"https://tfs.example/tfs/Main/Web/_git/shop.git",
                "https://tfs.example/tfs/Main/Web/_git/shop.git/info/lfs/objects/batch"},
        Address{"https://tfs.example/tfs/Main/Web/_git/shop",
                "https://tfs.example/tfs/Main/Web/_git/shop/info/lfs/objects/batch"},
        Address{"http://127.0.0.1:8080/shop", "http://127.0.0.1:8080/shop.git/info/lfs/objects/batch"},
        Address{"https://notdev.azure.com.example/o/shop",
                "https://notdev.azure.com.example/o/shop.git/info/lfs/objects/batch"}));

TEST(LfsProtocol, AsksForDownloadsByHash) {
  const std::vector<LfsPointer> pointers{{.oid = "aa", .size = 1}, {.oid = "bb", .size = 9223372036854775807}};
  EXPECT_EQ(make_lfs_question(pointers, "refs/heads/main"),
            R"({"operation":"download","transfers":["basic"],"ref":{"name":"refs/heads/main"},)"
            R"("objects":[{"oid":"aa","size":1},{"oid":"bb","size":9223372036854775807}],"hash_algo":"sha256"})");
  EXPECT_EQ(make_lfs_question({}, "").find("ref"), std::string::npos);
}

TEST(LfsProtocol, ReadsActionsAndErrors) {
  const auto offers = parse_lfs_answer(R"({"transfer":"basic","objects":[
      {"oid":"aa","size":1,"authenticated":true,"actions":{"download":{"href":"https://store.example/aa?sig=1",
        "header":{"Authorization":"RemoteAuth x","X-Key":"v","Host":"evil","content-length":"5","Range":"bytes=1-",
                  "Proxy-Authorization":"x","Transfer-Encoding":"chunked","Number":1}, "expires_in":3600}}},
      {"oid":"bb","error":{"code":404,"message":"Object does not exist"}},
      {"oid":"cc"}, {"size":3}, 17, {"oid":"dd","error":{"message":"no code"}}]})",
                                       kNow);
  ASSERT_EQ(offers.size(), 4u);
  ASSERT_TRUE(offers[0].download);
  EXPECT_EQ(offers[0].download->url, "https://store.example/aa?sig=1");
  EXPECT_EQ(offers[0].download->valid_for, milliseconds(3'600'000));
  const auto& fields = offers[0].download->headers.fields();
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].name, "Authorization");
  EXPECT_EQ(fields[1].value, "v");
  EXPECT_EQ(offers[1].error_code, 404);
  EXPECT_EQ(offers[1].error_message, "Object does not exist");
  EXPECT_FALSE(offers[2].download);
  EXPECT_EQ(offers[2].error_code, 0);
  EXPECT_EQ(offers[3].error_code, 1);
}

std::optional<milliseconds> lifetime(const std::string& members) {
  const auto offers = parse_lfs_answer(
      R"({"objects":[{"oid":"aa","actions":{"download":{"href":"https://a.example/")" + members + "}}}]}", kNow);
  return offers.at(0).download->valid_for;
}

TEST(LfsProtocol, KnowsHowLongAnActionLasts) {
  EXPECT_EQ(lifetime(""), std::nullopt);
  EXPECT_EQ(lifetime(R"(,"expires_in":0)"), std::nullopt);
  EXPECT_EQ(lifetime(R"(,"expires_in":-5)"), milliseconds(0));
  EXPECT_EQ(lifetime(R"(,"expires_in":60,"expires_at":"2026-11-21T09:30:10Z")"), seconds(60));
  EXPECT_EQ(lifetime(R"(,"expires_at":"2026-11-21T09:30:10Z")"), seconds(10));
  EXPECT_EQ(lifetime(R"(,"expires_at":"2026-11-21T09:29:10Z")"), seconds(0));
  EXPECT_EQ(lifetime(R"(,"expires_at":"0001-01-01T00:00:00Z")"), std::nullopt) << "servers that know no expiry";
  EXPECT_EQ(lifetime(R"(,"expires_at":"soon")"), std::nullopt);
  EXPECT_EQ(lifetime(R"(,"expires_in":99999999999)"), seconds(2'147'483'647));
}

ErrorKind kind_of(const std::string& answer) {
  try {
    parse_lfs_answer(answer, kNow);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "LfsProtocol");
    return error.kind();
  }
  return ErrorKind::kInternal;
}

TEST(LfsProtocol, RefusesWhatIsNoAnswer) {
  EXPECT_EQ(kind_of(""), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of("<html>"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of("{}"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(R"({"objects":{}})"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(R"({"objects":[{"oid":"aa","actions":{"download":{}}}]})"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(R"({"objects":[{"oid":"aa","actions":{"download":{"href":")" + std::string(20000, 'a') + "\"}}}]}"),
            ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(R"({"transfer":"tus","objects":[]})"), ErrorKind::kConfiguration);
  EXPECT_EQ(kind_of(R"({"hash_algo":"sha512","objects":[]})"), ErrorKind::kConfiguration);
}

http::Response response(int status, std::string type = "", std::string location = "") {
  http::Response result;
  result.status = status;
  if (!type.empty()) result.headers.add("Content-Type", type);
  if (!location.empty()) result.headers.add("Location", location);
  return result;
}

struct Judged {
  const char* name;
  http::Response answer;
  Next next;
  ErrorKind kind = ErrorKind::kUnavailable;
  std::string code = {};
  friend void PrintTo(const Judged& value, std::ostream* out) { *out << value.name; }
};

class LfsAnswer : public ::testing::TestWithParam<Judged> {};

TEST_P(LfsAnswer, IsJudged) {
  const LfsVerdict verdict = judge_lfs_answer(GetParam().answer, true);
  EXPECT_EQ(verdict.next, GetParam().next);
  EXPECT_EQ(verdict.kind, GetParam().kind);
  EXPECT_EQ(verdict.code, GetParam().code);
}

constexpr auto kUnauthenticated = ErrorKind::kUnauthenticated;

INSTANTIATE_TEST_SUITE_P(
    LfsProtocol, LfsAnswer,
    ::testing::Values(
        Judged{"Good", response(200, "application/vnd.git-lfs+json; charset=utf-8"), Next::kUse},
        Judged{"GoodWithoutType", response(200), Next::kUse},
        Judged{"WebPage", response(200, "Text/HTML; charset=utf-8"), Next::kFail, kUnauthenticated, "SignInPage"},
        Judged{"Azures203", response(203, "text/html"), Next::kFail, kUnauthenticated, "SignInPage"},
        Judged{"Found", response(302, "", "https://x.example/"), Next::kFail, kUnauthenticated, "SignInPage"},
        Judged{"MovedToSignIn", response(307, "", "https://x.vssps.visualstudio.com/_signin?a"), Next::kFail,
               kUnauthenticated, "SignInPage"},
        Judged{"Moved", response(301, "", "https://new.example/a"), Next::kFail, ErrorKind::kConfiguration, "Moved"},
        Judged{"Unauthorized", response(401), Next::kFail, kUnauthenticated, "Unauthenticated"},
        Judged{"Forbidden", response(403), Next::kFail, ErrorKind::kPermission, "Forbidden"},
        Judged{"NotFound", response(404), Next::kFail, ErrorKind::kNotFound, "LfsNotFound"},
        Judged{"NotAcceptable", response(406), Next::kFail, ErrorKind::kConfiguration, "LfsProtocol"},
        Judged{"TooLong", response(413), Next::kSplit, ErrorKind::kUnavailable, "LfsProtocol"},
        Judged{"Invalid", response(422), Next::kFail, ErrorKind::kInvalidInput, "LfsProtocol"},
        Judged{"TooMany", response(429), Next::kRetry, ErrorKind::kRateLimited, "RateLimited"},
        Judged{"Fault", response(500), Next::kRetry, ErrorKind::kUnavailable, "ServerFault"},
        Judged{"NotImplemented", response(501), Next::kFail, ErrorKind::kConfiguration, "LfsProtocol"},
        Judged{"Bandwidth", response(509), Next::kFail, ErrorKind::kRateLimited, "RateLimited"}),
    [](const auto& tested) { return tested.param.name; });

TEST(LfsProtocol, JudgesDownloads) {
  EXPECT_EQ(judge_lfs_download(200, true).next, Next::kUse);
  EXPECT_EQ(judge_lfs_download(206, true).next, Next::kUse);
  EXPECT_EQ(judge_lfs_download(204, true).next, Next::kFail);
  EXPECT_EQ(judge_lfs_download(203, true).kind, kUnauthenticated);
  for (const int status : {301, 302, 303, 307, 308}) EXPECT_EQ(judge_lfs_download(status, true).next, Next::kFollow);
  for (const int status : {401, 403, 404, 410}) EXPECT_EQ(judge_lfs_download(status, true).next, Next::kAskAgain);
  for (const int status : {408, 429, 500, 502, 503, 504})
    EXPECT_EQ(judge_lfs_download(status, true).next, Next::kRetry);
  EXPECT_EQ(judge_lfs_download(416, true).next, Next::kRestart);
  EXPECT_EQ(judge_lfs_download(400, true).next, Next::kFail);
  EXPECT_NE(judge_lfs_download(401, true).cause, judge_lfs_download(401, false).cause);
}

TEST(LfsProtocol, ReadsRetryAfter) {
  const auto hint = [](const char* value) {
    http::Headers headers;
    headers.add("Retry-After", value);
    return lfs_retry_hint(headers, kNow);
  };
  EXPECT_EQ(hint("7"), seconds(7));
  EXPECT_EQ(hint("999999999"), seconds(86400));
  EXPECT_EQ(hint("Sat, 21 Nov 2026 09:31:00 GMT"), seconds(60));
  EXPECT_EQ(hint("Sat, 21 Nov 2026 09:29:00 GMT"), std::nullopt);
  EXPECT_EQ(hint("later"), std::nullopt);
  EXPECT_EQ(lfs_retry_hint({}, kNow), std::nullopt);
}

TEST(LfsProtocol, FindsTheServersMessage) {
  const auto message = [](std::string body) { return lfs_server_message({.status = 500, .body = std::move(body)}); };
  EXPECT_EQ(message(R"({"message":"No way","request_id":"1"})"), "No way");
  EXPECT_EQ(message(R"({"$id":"1","message":"TF401019: none","typeKey":"x"})"), "TF401019: none");
  EXPECT_EQ(message("{broken"), "");
  EXPECT_EQ(message("plain text\nsecond line"), "plain text");
  EXPECT_EQ(message("<!DOCTYPE html><p>Sign in"), "");
  EXPECT_EQ(message(""), "");
}

TEST(LfsProtocol, ResolvesLocations) {
  const auto base = *http::parse_url("https://a.example:8443/b/c?d=e");
  const auto at = [&](std::string_view location) {
    const auto url = resolve_location(base, location);
    return url ? url->to_string() : "none";
  };
  EXPECT_EQ(at("https://x.example/y?z=1#frag"), "https://x.example/y?z=1");
  EXPECT_EQ(at("//x.example/y"), "https://x.example/y");
  EXPECT_EQ(at("/y:z?q"), "https://a.example:8443/y:z?q");
  EXPECT_EQ(at("y"), "https://a.example:8443/b/y");
  EXPECT_EQ(at("?q"), "https://a.example:8443/b/c?q");
  EXPECT_EQ(at("file:///etc/passwd"), "none");
  EXPECT_EQ(at("javascript:1"), "none");
  EXPECT_EQ(at(""), "none");
}

TEST(LfsProtocol, RecognizesWebPages) {
  EXPECT_TRUE(looks_like_web_page(" \r\n<!doctype HTML><html>"));
  EXPECT_TRUE(looks_like_web_page("\xef\xbb\xbf<html lang=en>"));
  EXPECT_FALSE(looks_like_web_page("<htm"));
  EXPECT_FALSE(looks_like_web_page(""));
}

}  // namespace
}  // namespace penstock::git
