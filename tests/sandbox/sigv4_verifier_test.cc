#include "tests/sandbox/sigv4_verifier.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// The signatures of these tests are those that AWS publishes with its examples, made with its example key pair.
constexpr const char* kExampleKey = "AKIAIOSFODNN7EXAMPLE";
constexpr const char* kExampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr const char* kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const Timestamp kExampleTime = *parse_rfc3339("2013-05-24T00:00:00Z");

class StringSource final : public ByteSource {
 public:
  StringSource(std::string text, std::size_t step) : text_(std::move(text)), step_(step) {}
  std::size_t read(char* buffer, std::size_t size) override {
    const auto count = text_.copy(buffer, std::min(size, step_), at_);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t step_, at_ = 0;
};

std::string authorization(const std::string& scope, const std::string& headers, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=" + std::string(kExampleKey) + "/" + scope + ",SignedHeaders=" + headers +
         ",Signature=" + signature;
}

Request get_request() {
  Request request;
  request.method = "GET";
  request.path = "/test.txt";
  request.headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                     {"Range", "bytes=0-9"},
                     {"x-amz-content-sha256", kEmptyHash},
                     {"x-amz-date", "20130524T000000Z"},
                     {"Authorization",
                      authorization("20130524/us-east-1/s3/aws4_request", "host;range;x-amz-content-sha256;x-amz-date",
                                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}};
  return request;
}

class Verifier : public ::testing::Test {
 protected:
  Verifier() { keys_.add({.id = kExampleKey, .secret = kExampleSecret, .denied = {}}); }

  std::string verify(const Request& request, Timestamp now = kExampleTime, Protocol protocol = Protocol::kS3) {
    try {
      const auto hash = protocol == Protocol::kS3 ? std::optional<std::string>() : std::optional(sha256_hex(""));
      verify_signature(request, hash, protocol, keys_, now);
      return "good";
    } catch (const ServiceError& error) {
      return error.code;
    }
  }

  KeyRing keys_{"seal"};
};

TEST_F(Verifier, AcceptsThePublishedExamples) {
  EXPECT_EQ(verify(get_request()), "good");

  Request list;
  list.method = "GET";
  list.path = "/";
  list.query = "max-keys=2&prefix=J";
  list.headers = {
      {"Host", "examplebucket.s3.amazonaws.com"},
      {"x-amz-content-sha256", kEmptyHash},
      {"x-amz-date", "20130524T000000Z"},
      {"Authorization", authorization("20130524/us-east-1/s3/aws4_request", "host;x-amz-content-sha256;x-amz-date",
                                      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}};
  EXPECT_EQ(verify(list), "good");

  Request presigned;
  presigned.method = "GET";
  presigned.path = "/test.txt";
  presigned.query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
      "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  presigned.headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  EXPECT_EQ(verify(presigned), "good");
  EXPECT_EQ(verify(presigned, kExampleTime + seconds(86401)), "AccessDenied");
}

TEST_F(Verifier, RefusesWhatIsNotWhatWasSigned) {
  const auto changed = [&](const auto& change) {
    auto request = get_request();
    change(request);
    return verify(request);
  };
  EXPECT_EQ(changed([](Request& r) { r.method = "PUT"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.path = "/test.txu"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.query = "acl"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.headers[0].value += ":80"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.headers[1].value = "bytes=0-10"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.headers.erase(r.headers.begin() + 1); }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.headers.pop_back(); }), "AccessDenied");
  EXPECT_EQ(changed([](Request& r) { r.headers.push_back({"x-amz-meta-added", "later"}); }), "AccessDenied");
  EXPECT_EQ(changed([](Request& r) { r.headers.back().value.replace(28, 20, "AKIANOBODY7777777777"); }),
            "InvalidAccessKeyId");
  EXPECT_EQ(changed([](Request& r) { r.headers.back().value = "AWS4-HMAC-SHA256 Credential=x"; }),
            "AuthorizationHeaderMalformed");
  EXPECT_EQ(changed([](Request& r) { r.headers[2].value = "UNSIGNED-PAYLOAD"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(changed([](Request& r) { r.headers.erase(r.headers.begin() + 2); }), "SignatureDoesNotMatch");
}

TEST_F(Verifier, ToleratesTheSkewThatTheServiceDoes) {
  EXPECT_EQ(verify(get_request(), kExampleTime + minutes(15)), "good");
  EXPECT_EQ(verify(get_request(), kExampleTime - minutes(15)), "good");
  EXPECT_EQ(verify(get_request(), kExampleTime + minutes(15) + seconds(1)), "RequestTimeTooSkewed");
  EXPECT_EQ(verify(get_request(), kExampleTime - minutes(15) - seconds(1)), "RequestTimeTooSkewed");
  // Other services answer before they look at the signature too, in their own words.
  EXPECT_EQ(verify(get_request(), kExampleTime + minutes(6), Protocol::kJson), "InvalidSignatureException");
  EXPECT_EQ(verify(get_request(), kExampleTime - minutes(6), Protocol::kQuery), "SignatureDoesNotMatch");
}

TEST_F(Verifier, SessionsCarryTheirExpiryAndCannotBeForged) {
  const auto now = kExampleTime;
  const auto session = keys_.issue("111122223333", "arn:x", seconds(60), std::nullopt, now);
  TokenFault fault;
  EXPECT_TRUE(keys_.resolve(session.access_key_id, session.session_token, now, fault));
  EXPECT_FALSE(keys_.resolve(session.access_key_id, session.session_token, now + seconds(60), fault));
  EXPECT_EQ(fault, TokenFault::kExpiredToken);
  EXPECT_FALSE(keys_.resolve("ASIAOTHER", session.session_token, now, fault));
  EXPECT_EQ(fault, TokenFault::kInvalidToken);
  EXPECT_FALSE(KeyRing("other seal").resolve(session.access_key_id, session.session_token, now, fault));
  EXPECT_EQ(fault, TokenFault::kInvalidToken);
  EXPECT_FALSE(keys_.resolve(session.access_key_id, "", now, fault));
  EXPECT_EQ(fault, TokenFault::kUnknownKey);
  keys_.expire_sessions(now);
  EXPECT_FALSE(keys_.resolve(session.access_key_id, session.session_token, now, fault));
  EXPECT_EQ(fault, TokenFault::kExpiredToken);
}

class Chunked : public Verifier {
 protected:
  static std::string body(char content = 'a', const std::string& last =
                                                  "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") {
    return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
           std::string(65536, 'a') +
           "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
           std::string(1024, content) + "\r\n0;chunk-signature=" + last + "\r\n\r\n";
  }

  std::string decode(const std::string& text, std::size_t step = 1000, std::uint64_t length = 66560) {
    Request request;
    request.method = "PUT";
    request.path = "/examplebucket/chunkObject.txt";
    request.headers = {
        {"Host", "s3.amazonaws.com"},
        {"x-amz-date", "20130524T000000Z"},
        {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
        {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
        {"Content-Encoding", "aws-chunked"},
        {"x-amz-decoded-content-length", "66560"},
        {"Content-Length", "66824"},
        {"Authorization",
         authorization("20130524/us-east-1/s3/aws4_request",
                       "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-"
                       "length;x-amz-storage-class",
                       "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")}};
    const auto verified = verify_signature(request, std::nullopt, Protocol::kS3, keys_, kExampleTime);
    StringSource source(text, step);
    ChunkedPayload payload(source, verified, ChunkedPayload::Signing::kSigned, false, length);
    std::string out;
    std::array<char, 5000> buffer;
    try {
      while (const auto count = payload.read(buffer.data(), buffer.size())) out.append(buffer.data(), count);
    } catch (const ServiceError& error) {
      return error.code;
    }
    return out;
  }
};

TEST_F(Chunked, DecodesThePublishedExampleInAnySteps) {
  for (const std::size_t step : {1u, 7u, 1000u, 70000u}) EXPECT_EQ(decode(body(), step), std::string(66560, 'a'));
}

TEST_F(Chunked, RefusesOtherBytesSignaturesAndLengths) {
  EXPECT_EQ(decode(body('b')), "SignatureDoesNotMatch");
  EXPECT_EQ(decode(body('a', std::string(64, '0'))), "SignatureDoesNotMatch");
  EXPECT_EQ(decode(body(), 1000, 66561), "IncompleteBody");
  EXPECT_EQ(decode(body().substr(0, 60000)), "IncompleteBody");
  EXPECT_EQ(decode("zz;chunk-signature=0\r\n"), "InvalidRequest");
  EXPECT_EQ(decode("1\r\na\r\n0\r\n\r\n"), "SignatureDoesNotMatch");
}

TEST_F(Chunked, ChecksTheSignatureOfTrailers) {
  Verified verified;
  verified.date_time = "20130524T000000Z";
  verified.scope = "20130524/us-east-1/s3/aws4_request";
  verified.signing_key = "AWS4" + std::string(kExampleSecret);
  for (const auto* part : {"20130524", "us-east-1", "s3", "aws4_request"}) {
    verified.signing_key = hmac(HashAlgorithm::kSha256, verified.signing_key, part);
  }
  verified.signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  const auto read = [&](const std::string& checksum) {
    StringSource source(
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
            std::string(65536, 'a') +
            "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
            std::string(1024, 'a') +
            "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            "x-amz-checksum-crc32c:" +
            checksum +
            "\r\nx-amz-trailer-signature:"
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
        9000);
    ChunkedPayload payload(source, verified, ChunkedPayload::Signing::kSigned, true, 66560);
    std::array<char, 5000> buffer;
    try {
      while (payload.read(buffer.data(), buffer.size()) > 0) {
      }
      return payload.trailers().at(0).value;
    } catch (const ServiceError& error) {
      return error.code;
    }
  };
  EXPECT_EQ(read("sOO8/Q=="), "sOO8/Q==");
  EXPECT_EQ(read("sOO8/R=="), "SignatureDoesNotMatch");
}

TEST_F(Chunked, ReadsTrailersOfUnsignedChunks) {
  Verified nobody;
  StringSource source("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 3);
  ChunkedPayload payload(source, nobody, ChunkedPayload::Signing::kUnsigned, true, 5);
  std::array<char, 16> buffer;
  std::string out;
  while (const auto count = payload.read(buffer.data(), buffer.size())) out.append(buffer.data(), count);
  EXPECT_EQ(out, "hello");
  ASSERT_EQ(payload.trailers().size(), 1u);
  EXPECT_EQ(payload.trailers()[0].value, "NhCmhg==");
}

}  // namespace
}  // namespace penstock::sandbox
