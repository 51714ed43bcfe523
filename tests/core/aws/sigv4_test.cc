#include "core/aws/sigv4.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Vector {
  const char* name;
  const char* service;
  const char* method;
  const char* path;
  const char* query;
  const char* body;
  const char* token;
  Fields headers;
  const char* signed_headers;
  const char* signature;
};

Timestamp vector_time() {
  return *parse_rfc3339("2026-01-02T03:04:05Z");
}

class SignHeaders : public ::testing::TestWithParam<Vector> {};

TEST_P(SignHeaders, AgreesWithAnotherImplementation) {
  const Vector& vector = GetParam();
  SigningRequest request{.method = vector.method, .path = vector.path, .query = vector.query};
  request.headers.add("Host", std::string(vector.service) == "s3" ? "examplebucket.s3.eu-west-1.amazonaws.com"
                                                                  : "codepipeline.eu-west-1.amazonaws.com");
  for (const auto& [name, value] : vector.headers) request.headers.add(name, value);
  request.payload_sha256 = sha256_hex(vector.body);
  SigningKeyCache cache;
  SigningOptions options = SigningOptions::for_service("eu-west-1", vector.service, vector_time());
  options.cache = &cache;
  for (int round = 0; round < 2; ++round) {
    const SignedRequest result = sign_headers(request, test_credentials(vector.token), options);
    EXPECT_EQ(result.signature, vector.signature) << result.canonical_request;
    EXPECT_EQ(result.headers.find("authorization"),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/" + std::string(vector.service) +
                  "/aws4_request, SignedHeaders=" + vector.signed_headers + ", Signature=" + vector.signature);
  }
}

const Fields kJson = {{"Content-Type", "application/x-amz-json-1.1"},
                      {"X-Amz-Target", "CodePipeline_20150709.PollForJobs"}};

INSTANTIATE_TEST_SUITE_P(
    Table, SignHeaders,
    ::testing::Values(
        Vector{"json", "codepipeline", "POST", "/", "", "{}", "", kJson, "content-type;host;x-amz-date;x-amz-target",
               "ab721ed286f46c3190f47f19e954cff46d742e33fc6698d38640808414822d56"},
        Vector{"json_with_token", "codepipeline", "POST", "/", "", "{}", "token/+=", kJson,
               "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
               "40715f417721b4a2fcc6b23b0aef054dc78a04f29035af3000c6ca51343394d5"},
        Vector{"encoded_path_is_normalized_and_encoded_again",
               "codepipeline",
               "GET",
               "/a%20b/../c%2Fd//e",
               "z=1&a=%2F&a=&a=b",
               "",
               "",
               {},
               "host;x-amz-date",
               "47cced7940a9cf5aea56494496badbd2764d23b729d58ca2e702a5a4983e6d38"},
        Vector{"s3_path_is_left_alone",
               "s3",
               "PUT",
               "/a%20b/../c%C3%A4//e%2B%28x%29",
               "",
               "hello",
               "token/+=",
               {{"x-amz-server-side-encryption", "aws:kms"}, {"Content-Type", "application/zip"}},
               "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-server-side-encryption",
               "70567152daaccf2e0e954647978f1cc9df02196d8e8366c8f4e16aa89d15e14e"},
        Vector{"s3_query_without_value",
               "s3",
               "POST",
               "/k",
               "uploads",
               "",
               "",
               {},
               "host;x-amz-content-sha256;x-amz-date",
               "08ac70516d3a6106b1457db4e0a8812d2b0598dea13a4caaa8b7b3b6ad8ed0c5"},
        Vector{"s3_part",
               "s3",
               "PUT",
               "/k",
               "uploadId=a%2Fb&partNumber=10",
               "x",
               "",
               {},
               "host;x-amz-content-sha256;x-amz-date",
               "6e1311493ce9c8dbff7f2fdaf56f3bb839e8b1de58d91c3cf40b95aa41f8479b"}),
    [](const auto& entry) { return entry.param.name; });

TEST(Presign, AgreesWithAnotherImplementation) {
  SigningRequest request{.method = "GET", .path = "/k%20k", .query = "response-content-type=a%2Fb"};
  request.headers.add("Host", "examplebucket.s3.eu-west-1.amazonaws.com");
  request.payload_sha256 = std::string(kUnsignedPayload);
  const SignedRequest result =
      presign(request, test_credentials("tok"), SigningOptions::for_service("eu-west-1", "s3", vector_time()),
              std::chrono::seconds(600));
  EXPECT_EQ(result.signature, "df041cb961e085b5af603d05adfd315f2f7d9192fd686e2ca91d328f043332aa");
  EXPECT_NE(result.query.find("X-Amz-Expires=600"), std::string::npos);
  EXPECT_TRUE(result.query.ends_with("&X-Amz-Signature=" + result.signature));
}

struct PathCase {
  const char* path;
  bool normalize;
  const char* canonical;
};

TEST(CanonicalRequest, FollowsThePathRules) {
  for (const auto& [path, normalize, canonical] : std::vector<PathCase>{
           {"", true, "/"},
           {"/", true, "/"},
           {"//", true, "/"},
           {"//", false, "//"},
           {"/./", true, "/"},
           {"/example/..", true, "/"},
           {"/a/../../b", true, "/b"},
           {"/./example", true, "/example"},
           {"//example//", true, "/example/"},
           {"//example//", false, "//example//"},
           {"/example space/", true, "/example%20space/"},
           {"/\xe1\x88\xb4", true, "/%E1%88%B4"},
           {"/-._~0AZaz", true, "/-._~0AZaz"},
       }) {
    SigningOptions options{.region = "us-east-1", .service = "service", .time = vector_time()};
    options.normalize_path = normalize;
    for (const bool twice : {true, false}) {
      options.double_encode = twice;
      const auto result = sign_headers({.method = "GET", .path = path}, test_credentials(), options);
      const std::string line = result.canonical_request.substr(4, result.canonical_request.find('\n', 4) - 4);
      EXPECT_EQ(line, canonical) << path;
    }
  }
}

TEST(CanonicalRequest, SortsAndEncodesTheQuery) {
  SigningOptions options{.region = "us-east-1", .service = "service", .time = vector_time()};
  const auto query_line = [&](std::string query) {
    const auto result =
        sign_headers({.method = "GET", .path = "/", .query = std::move(query)}, test_credentials(), options);
    const std::size_t begin = result.canonical_request.find('\n', 4) + 1;
    return result.canonical_request.substr(begin, result.canonical_request.find('\n', begin) - begin);
  };
  EXPECT_EQ(query_line("b=2&a=1&a=0&A=3"), "A=3&a=0&a=1&b=2");
  EXPECT_EQ(query_line("uploads"), "uploads=");
  EXPECT_EQ(query_line("a=b+c&&d=%2f%zz&"), "a=b%2Bc&d=%252f%25zz");
  EXPECT_EQ(query_line("\xe1\x88\xb4=bar"), "%E1%88%B4=bar");
}

TEST(CanonicalRequest, FoldsHeadersAndLeavesOutWhatChangesOnTheWay) {
  SigningRequest request{.method = "GET"};
  request.headers.add("Host", "example.amazonaws.com");
  request.headers.add("My-Header2", "  \"a   b   c\"\t ");
  request.headers.add("my-header1", "value4");
  request.headers.add("My-Header1", "value1\n  value2");
  request.headers.add("User-Agent", "x");
  request.headers.add("Expect", "100-continue");
  request.headers.add("X-Amzn-Trace-Id", "x");
  const auto result =
      sign_headers(request, test_credentials(), {.region = "us-east-1", .service = "service", .time = vector_time()});
  EXPECT_NE(result.canonical_request.find("host:example.amazonaws.com\nmy-header1:value4,value1 value2\n"
                                          "my-header2:\"a b c\"\nx-amz-date:20260102T030405Z\n\n"
                                          "host;my-header1;my-header2;x-amz-date\n"),
            std::string::npos)
      << result.canonical_request;
}

TEST(SignHeaders, CanAddTheTokenUnsigned) {
  SigningOptions options{.region = "us-east-1", .service = "service", .time = vector_time()};
  options.omit_session_token = true;
  const auto with = sign_headers({}, test_credentials("token"), options);
  const auto without = sign_headers({}, test_credentials(), options);
  EXPECT_EQ(with.signature, without.signature);
  EXPECT_EQ(with.headers.find("x-amz-security-token"), "token");
  EXPECT_EQ(without.headers.find("x-amz-security-token"), std::nullopt);
}

TEST(SigningKeyCache, TellsSecretsDaysRegionsAndServicesApart) {
  SigningKeyCache cache;
  const Secret one("one");
  const Secret two("two");
  const std::string key(cache.get(one, "20260102", "r", "s").reveal());
  EXPECT_EQ(cache.get(one, "20260102", "r", "s").reveal(), key);
  EXPECT_NE(cache.get(two, "20260102", "r", "s").reveal(), key);
  EXPECT_NE(cache.get(one, "20260103", "r", "s").reveal(), key);
  EXPECT_NE(cache.get(one, "20260102", "r2", "s").reveal(), key);
  EXPECT_NE(cache.get(one, "20260102", "r", "s2").reveal(), key);
  for (int i = 0; i < 100; ++i) cache.get(one, "20260102", std::to_string(i), "s");
  EXPECT_EQ(cache.get(one, "20260102", "r", "s").reveal(), key);
}

}  // namespace
}  // namespace penstock::aws
