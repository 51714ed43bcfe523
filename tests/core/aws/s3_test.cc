#include "core/aws/s3.h"

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "core/aws/xml.h"
#include "core/base/digest.h"
#include "core/base/files.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Sent = FakeTransport::Sent;

constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kLarge = 5 * kMiB + 5;  // two parts, so create, part, part, complete

// The little of S3 that an upload meets, with one fault at a call chosen by the test.
class FakeS3 {
 public:
  std::function<std::optional<http::Response>(const Sent&, int)> fault = [](const Sent&, int) { return std::nullopt; };

  http::Response handle(const Sent& sent, int index) {
    if (auto response = fault(sent, index)) return *response;
    std::lock_guard guard(mutex);
    const std::size_t question = sent.url.find('?');
    const std::string query = question == std::string::npos ? "" : sent.url.substr(question + 1);
    if (sent.method == "POST" && query == "uploads") {
      ++created;
      return answer(200, "<InitiateMultipartUploadResult><UploadId>id/+=" + std::to_string(created) +
                             "</UploadId></InitiateMultipartUploadResult>");
    }
    if (sent.method == "PUT" && !query.empty()) {
      const int number = std::stoi(query.substr(std::string("partNumber=").size()));
      parts[number] = sent.body;
      EXPECT_EQ(sent.header("x-amz-content-sha256"), sha256_hex(sent.body));
      return answer(200, "", {{"ETag", "\"e" + std::to_string(number) + "\""}});
    }
    if (sent.method == "POST") {
      if (completed) return answer(404, "<Error><Code>NoSuchUpload</Code></Error>");
      object.clear();
      for (const auto& [number, body] : parts) {
        EXPECT_NE(sent.body.find("<PartNumber>" + std::to_string(number) + "</PartNumber><ETag>&quot;e" +
                                 std::to_string(number) + "&quot;</ETag>"),
                  std::string::npos);
        object += body;
      }
      completed = true;
      return answer(200, "<CompleteMultipartUploadResult/>", {{"x-amz-version-id", "v2"}});
    }
    if (sent.method == "DELETE") {
      ++aborted;
      return answer(204);
    }
    if (sent.method == "HEAD") return answer(200, "", {{"Content-Length", std::to_string(object.size())}});
    object = sent.body;
    return answer(200, "", {{"x-amz-version-id", "v1"}});
  }

  std::mutex mutex;
  std::map<int, std::string> parts;
  std::string object;
  int created = 0, aborted = 0;
  bool completed = false;
};

class S3Test : public ::testing::Test {
 protected:
  S3Client make(Endpoint endpoint = {.url = "https://s3.eu-west-1.amazonaws.com", .region = "eu-west-1"},
                S3Options options = {.part_size = 5 * kMiB}) {
    options.multipart_threshold = kMiB;
    transport_ =
        std::make_shared<FakeTransport>([this](const Sent& sent, int index) { return s3_.handle(sent, index); });
    ClientOptions client_options{.service = "s3", .endpoint = std::move(endpoint)};
    client_options.sleep = [](auto, const auto&) {};
    return S3Client(std::make_shared<Client>(client_options, transport_,
                                             std::make_shared<StaticCredentials>(test_credentials()), clock_),
                    options);
  }

  UploadRequest request_for(std::size_t size) {
    content_.resize(size);
    for (std::size_t i = 0; i < size; ++i) content_[i] = static_cast<char>((i * 2654435761u) >> 13);
    UploadRequest request{.bucket = "my-bucket", .key = "pipe/Source Arti/AbC"};
    request.file = directory_.path() / "artifact.zip";
    write_file_atomically(request.file, content_);
    return request;
  }

  testing::FakeClock clock_;
  TemporaryDirectory directory_;
  FakeS3 s3_;
  std::shared_ptr<FakeTransport> transport_;
  std::string content_;
};

TEST_F(S3Test, PutsASmallFileWithItsHash) {
  UploadRequest request = request_for(100000);
  request.kms_key_id = "arn:aws:kms:k";
  const UploadResult result = make().upload_file(request);
  EXPECT_EQ(result.bytes, 100000u);
  EXPECT_EQ(result.sha256, sha256_hex(content_));
  EXPECT_EQ(result.version_id, "v1");
  EXPECT_EQ(s3_.object, content_);
  const auto sent = transport_->sent().at(0);
  EXPECT_EQ(sent.url, "https://my-bucket.s3.eu-west-1.amazonaws.com/pipe/Source%20Arti/AbC");
  EXPECT_EQ(sent.header("x-amz-content-sha256"), result.sha256);
  EXPECT_EQ(sent.header("x-amz-checksum-sha256"), to_base64(*from_hex(result.sha256)));
  EXPECT_EQ(sent.header("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(sent.header("x-amz-server-side-encryption-aws-kms-key-id"), "arn:aws:kms:k");
  EXPECT_EQ(sent.header("content-type"), "application/zip");
}

TEST_F(S3Test, PutsAnEmptyFile) {
  EXPECT_EQ(make().upload_file(request_for(0)).bytes, 0u);
  EXPECT_EQ(transport_->sent().at(0).method, "PUT");
}

TEST_F(S3Test, SendsTheEncryptionThatWasAskedFor) {
  UploadRequest request = request_for(1);
  request.kms_key_id = "k";
  request.encryption = "AES256";
  make({.url = "http://127.0.0.1:1", .region = "r", .custom = true}, {.send_checksum = false}).upload_file(request);
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-server-side-encryption-aws-kms-key-id"), "");
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-checksum-sha256"), "");
  EXPECT_EQ(transport_->sent().at(0).url, "http://127.0.0.1:1/my-bucket/pipe/Source%20Arti/AbC");
  request.encryption = "none";
  make().upload_file(request);
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-server-side-encryption"), "");
  request.encryption = "rot13";
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).kind(), ErrorKind::kConfiguration);
}

TEST_F(S3Test, UploadsALargeFileInParts) {
  const UploadResult result = make().upload_file(request_for(kLarge));
  EXPECT_EQ(result.parts, 2);
  EXPECT_EQ(result.bytes, content_.size());
  EXPECT_EQ(result.sha256, sha256_hex(content_));
  EXPECT_EQ(result.version_id, "v2");
  EXPECT_TRUE(s3_.object == content_);
  EXPECT_EQ(s3_.aborted, 0);
  for (const Sent& sent : transport_->sent()) {
    const bool creates = sent.url.ends_with("?uploads");
    EXPECT_EQ(sent.header("x-amz-server-side-encryption"), creates ? "aws:kms" : "");
    if (!creates && sent.method == "PUT") {
      EXPECT_NE(sent.url.find("&uploadId=id%2F%2B%3D1"), std::string::npos);
    }
  }
}

TEST_F(S3Test, SurvivesATransientFaultAtEachCall) {
  const UploadRequest request = request_for(kLarge);
  const std::vector<std::function<std::optional<http::Response>()>> faults = {
      [] { return answer(503, "<Error><Code>SlowDown</Code></Error>"); },
      [] { return answer(500); },
      []() -> std::optional<http::Response> { throw_network(ErrorKind::kUnavailable, true); },
  };
  for (const auto& fault : faults) {
    for (int n = 0; n < 4; ++n) {
      s3_.completed = false;
      s3_.parts.clear();
      s3_.fault = [&](const Sent&, int index) { return index == n ? fault() : std::nullopt; };
      EXPECT_EQ(make().upload_file(request).parts, 2) << n;
      EXPECT_TRUE(s3_.object == content_);
    }
  }
  EXPECT_EQ(s3_.aborted, 0);
}

TEST_F(S3Test, AbortsOnAFinalFaultAtEachCallAfterTheFirst) {
  const UploadRequest request = request_for(kLarge);
  for (int n = 0; n < 4; ++n) {
    s3_.aborted = 0;
    s3_.completed = false;
    s3_.fault = [&](const Sent& sent, int index) -> std::optional<http::Response> {
      if (index != n || sent.method == "DELETE") return std::nullopt;
      return answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    };
    const Error error = error_of([&] { make().upload_file(request); });
    EXPECT_EQ(error.kind(), ErrorKind::kPermission) << n << error.what();
    EXPECT_EQ(error.code(), "AccessDenied");
    EXPECT_NE(std::string(error.what()).find("uploading \"my-bucket/pipe/Source Arti/AbC\": calling s3:"),
              std::string::npos);
    EXPECT_EQ(s3_.aborted, n == 0 ? 0 : 1) << n;
  }
}

TEST_F(S3Test, SeesAnErrorInASuccessfulCompletion) {
  const UploadRequest request = request_for(kLarge);
  int refusals = 1;
  s3_.fault = [&](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.method != "POST" || sent.url.ends_with("?uploads") || refusals-- <= 0) return std::nullopt;
    return answer(200, "<?xml version=\"1.0\"?>\n\n<Error><Code>InternalError</Code></Error>");
  };
  EXPECT_EQ(make().upload_file(request).parts, 2);
  refusals = 1;
  s3_.completed = false;
  s3_.fault = [&](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.method != "POST" || sent.url.ends_with("?uploads")) return std::nullopt;
    return answer(200, "<Error><Code>InvalidPart</Code></Error>");
  };
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).code(), "InvalidPart");
  EXPECT_EQ(s3_.aborted, 1);
}

TEST_F(S3Test, TakesACompletionWhoseAnswerWasLostAsDone) {
  const UploadRequest request = request_for(kLarge);
  bool lost = false;
  s3_.fault = [&](const Sent& sent, int) -> std::optional<http::Response> {
    if (lost || sent.method != "POST" || sent.url.ends_with("?uploads")) return std::nullopt;
    lost = true;
    s3_.handle(sent, 0);
    throw_network(ErrorKind::kUnavailable, true);
  };
  EXPECT_EQ(make().upload_file(request).parts, 2);
  EXPECT_EQ(s3_.aborted, 0);
}

TEST_F(S3Test, FollowsARegionRedirectOnceAndRemembersIt) {
  const UploadRequest request = request_for(10);
  s3_.fault = [](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.url.find("us-west-2") != std::string::npos) return std::nullopt;
    return answer(301, "<Error><Code>PermanentRedirect</Code></Error>", {{"x-amz-bucket-region", "us-west-2"}});
  };
  S3Client client = make();
  client.upload_file(request);
  client.upload_file(request);
  const auto sent = transport_->sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[1].url, "https://my-bucket.s3.us-west-2.amazonaws.com/pipe/Source%20Arti/AbC");
  EXPECT_NE(sent[1].header("authorization").find("/us-west-2/s3/"), std::string::npos);
  EXPECT_EQ(sent[2].url, sent[1].url);

  s3_.fault = [](const Sent&, int index) {
    return answer(307, "", {{"x-amz-bucket-region", "region-" + std::to_string(index)}});
  };
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(transport_->sent().size(), 2u);
}

TEST_F(S3Test, ResignsForTheRegionThatS3Expects) {
  const UploadRequest request = request_for(10);
  s3_.fault = [](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.header("authorization").find("/eu-central-1/") != std::string::npos) return std::nullopt;
    return answer(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>");
  };
  make({.url = "http://127.0.0.1:1", .region = "us-east-1", .custom = true}).upload_file(request);
  EXPECT_EQ(transport_->sent().size(), 2u);
}

TEST_F(S3Test, UsesTheCredentialsOfTheRequest) {
  UploadRequest request = request_for(10);
  StaticCredentials job(test_credentials("job-token"));
  request.credentials = &job;
  make().upload_file(request);
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-security-token"), "job-token");
}

TEST_F(S3Test, StopsBetweenParts) {
  UploadRequest request = request_for(kLarge);
  std::stop_source stop;
  request.stop = stop.get_token();
  s3_.fault = [&](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.method == "PUT") stop.request_stop();
    return std::nullopt;
  };
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).kind(), ErrorKind::kCancelled);
  EXPECT_FALSE(s3_.completed);
  EXPECT_EQ(s3_.aborted, 1);
}

TEST_F(S3Test, ReportsAMissingFileAndAFolder) {
  UploadRequest request = request_for(1);
  request.file = directory_.path() / "missing";
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).kind(), ErrorKind::kNotFound);
  request.file = directory_.path();
  EXPECT_EQ(error_of([&] { make().upload_file(request); }).kind(), ErrorKind::kInvalidInput);
}

TEST_F(S3Test, SendsAFileWhileItGrows) {
  const UploadRequest request = request_for(4 * 5 * kMiB + 5);
  const auto growing = directory_.path() / "growing";
  write_file_atomically(growing, content_);
  S3Client client = make();
  const auto upload = client.begin_upload(request);
  upload->grow(growing, 1000);
  upload->grow(growing, 6 * kMiB);
  const auto parts_here = [&](std::size_t count) {
    for (int i = 0; i < 2000; ++i) {
      {
        std::lock_guard guard(s3_.mutex);
        if (s3_.parts.size() >= count) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  EXPECT_TRUE(parts_here(1));
  upload->grow(growing, 15 * kMiB);
  EXPECT_TRUE(parts_here(3));
  std::filesystem::rename(growing, request.file);
  const UploadResult result = upload->finish(request.file);
  EXPECT_EQ(result.parts, 5);
  EXPECT_EQ(result.sha256, sha256_hex(content_));
  EXPECT_TRUE(s3_.object == content_);
  EXPECT_EQ(s3_.created, 1);
}

TEST_F(S3Test, StartsAgainWithAnotherFile) {
  const UploadRequest request = request_for(2 * 5 * kMiB);
  for (const bool is_told : {true, false}) {
    s3_.created = s3_.aborted = 0;
    s3_.completed = false;
    s3_.parts.clear();
    const auto first = directory_.path() / "first", second = directory_.path() / "second";
    write_file_atomically(first, std::string(3 * 5 * kMiB, 'x'));
    write_file_atomically(second, content_);
    S3Client client = make();
    const auto upload = client.begin_upload(request);
    upload->grow(first, 11 * kMiB);
    if (is_told) upload->grow(second, 6 * kMiB);
    EXPECT_EQ(upload->finish(second).parts, 2);
    EXPECT_TRUE(s3_.object == content_);
    EXPECT_EQ(s3_.created, s3_.aborted + 1);
  }
}

TEST_F(S3Test, AbortsWhatIsNotFinished) {
  const UploadRequest request = request_for(2 * 5 * kMiB);
  S3Client client = make();
  auto upload = client.begin_upload(request);
  upload->grow(request.file, 6 * kMiB);
  upload.reset();
  EXPECT_EQ(s3_.created, s3_.aborted);
  EXPECT_FALSE(s3_.completed);
}

TEST_F(S3Test, AFailureWhileTheFileGrowsIsToldAtTheEnd) {
  const UploadRequest request = request_for(2 * 5 * kMiB);
  s3_.fault = [&](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.method != "PUT") return std::nullopt;
    return answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
  };
  S3Client client = make();
  const auto upload = client.begin_upload(request);
  upload->grow(request.file, 6 * kMiB);
  upload->grow(request.file, 10 * kMiB);
  EXPECT_EQ(error_of([&] { upload->finish(request.file); }).code(), "AccessDenied");
  upload->grow(directory_.path() / "none", 10 * kMiB);
}

TEST(MultipartPart, FitsTenThousandParts) {
  EXPECT_EQ(multipart_part(0, 8 * kMiB).size, 8 * kMiB);
  EXPECT_EQ(multipart_part(0, 1).size, 5 * kMiB);
  EXPECT_EQ(multipart_part(0, 8 * kMiB + 1).size, 9 * kMiB);
  for (const std::uint64_t configured : {std::uint64_t{1}, 8 * kMiB, std::uint64_t{100} << 30}) {
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < 10'000; ++i) {
      const PartPlace part = multipart_part(i, configured);
      ASSERT_EQ(part.offset, end) << i;
      ASSERT_LE(part.size, std::uint64_t{5} << 30);
      end += part.size;
    }
    EXPECT_GE(end, std::uint64_t{5} << 40);
  }
}

}  // namespace
}  // namespace penstock::aws
