#include <functional>
#include <optional>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/aws/s3.h"
#include "core/base/digest.h"
#include "core/base/files.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Sent = FakeTransport::Sent;

// One object, read whole or from an offset, and breaking where the test says.
class S3DownloadTest : public ::testing::Test {
 protected:
  DownloadResult download(std::function<void(DownloadRequest&)> change = {}) {
    transport_ = std::make_shared<FakeTransport>([this](const Sent& sent, int index) { return get(sent, index); });
    ClientOptions options{.service = "s3",
                          .endpoint = {.url = "https://s3.eu-west-1.amazonaws.com", .region = "eu-west-1"}};
    options.sleep = [](auto, const auto&) {};
    S3Client client(
        std::make_shared<Client>(options, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_),
        {});
    DownloadRequest request{.bucket = "my-bucket", .key = "pipe/Source Arti/AbC"};
    request.file = file_;
    if (change) change(request);
    return client.download_file(request);
  }

  http::Response get(const Sent& sent, int index) {
    if (fault) {
      if (auto response = fault(sent, index)) return *response;
    }
    if (const std::string wanted = sent.header("If-Match"); !wanted.empty() && wanted != etag) {
      return answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
    }
    std::size_t begin = 0;
    const std::string range = sent.header("Range");
    if (!range.empty()) begin = std::stoul(range.substr(6));
    http::Response response = answer(range.empty() ? 200 : 206, object.substr(begin), headers);
    response.headers.add("ETag", etag);
    response.headers.add("Content-Length", std::to_string(object.size() - begin));
    if (!range.empty()) {
      response.headers.add("Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(object.size() - 1) +
                                                "/" + std::to_string(object.size()));
    }
    if (index < breaks) response.headers.add("test-cut", std::to_string(bytes_each));
    return response;
  }

  std::string object = std::string(100'000, 'x') + "end";
  std::string etag = "\"e-1\"";
  std::vector<std::pair<std::string, std::string>> headers;
  std::function<std::optional<http::Response>(const Sent&, int)> fault;
  int breaks = 0;  // so many answers end early
  std::size_t bytes_each = 10'000;

  testing::FakeClock clock_;
  TemporaryDirectory directory_;
  const std::filesystem::path file_ = directory_.path() / "input.zip";
  std::shared_ptr<FakeTransport> transport_;
};

TEST_F(S3DownloadTest, BringsAnObjectIntoAPrivateFile) {
  headers = {{"x-amz-version-id", "v7"}};
  const DownloadResult result = download();
  EXPECT_EQ(result.bytes, object.size());
  EXPECT_EQ(result.sha256, sha256_hex(object));
  EXPECT_EQ(result.version_id, "v7");
  EXPECT_FALSE(result.checked);
  EXPECT_EQ(read_file(file_), object);
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_EQ(transport_->sent().at(0).url, "https://my-bucket.s3.eu-west-1.amazonaws.com/pipe/Source%20Arti/AbC");
}

TEST_F(S3DownloadTest, BringsAnEmptyObject) {
  object.clear();
  EXPECT_EQ(download().bytes, 0u);
  EXPECT_EQ(read_file(file_), "");
}

TEST_F(S3DownloadTest, GoesOnWhereItBroke) {
  breaks = 9;
  EXPECT_EQ(download().sha256, sha256_hex(object));
  EXPECT_EQ(read_file(file_), object);
  const auto sent = transport_->sent();
  ASSERT_EQ(sent.size(), 10u);
  EXPECT_EQ(sent[1].header("Range"), "bytes=10000-");
  EXPECT_EQ(sent[1].header("If-Match"), etag);
  EXPECT_EQ(sent[9].header("Range"), "bytes=90000-");
}

TEST_F(S3DownloadTest, GivesUpWhenNothingComesAnyMore) {
  fault = [this](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.header("Range").empty()) breaks = 1;
    return sent.header("Range").empty() ? std::nullopt : std::optional(answer(503, ""));
  };
  EXPECT_EQ(error_of([&] { download(); }).kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(S3DownloadTest, BeginsAnewWhenTheObjectWasReplaced) {
  breaks = 1;
  fault = [this](const Sent&, int index) -> std::optional<http::Response> {
    if (index == 1) {
      object = "another";
      etag = "\"e-2\"";
    }
    return std::nullopt;
  };
  EXPECT_EQ(download().etag, "\"e-2\"");
  EXPECT_EQ(read_file(file_), "another");
}

TEST_F(S3DownloadTest, BeginsAnewWhenTheServerSendsTheWholeInsteadOfTheRest) {
  breaks = 1;
  fault = [this](const Sent&, int index) -> std::optional<http::Response> {
    return index == 1 ? std::optional(answer(200, object, {{"ETag", etag}})) : std::nullopt;
  };
  EXPECT_EQ(download().sha256, sha256_hex(object));
}

TEST_F(S3DownloadTest, RefusesARestThatIsNotWhatWasAskedFor) {
  breaks = 1;
  fault = [this](const Sent& sent, int) -> std::optional<http::Response> {
    if (sent.header("Range").empty()) {
      breaks = 1'000;
      return std::nullopt;
    }
    return answer(206, object, {{"ETag", etag}, {"Content-Range", "bytes 0-2/3"}});
  };
  EXPECT_EQ(error_of([&] { download(); }).kind(), ErrorKind::kCorrupt);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(S3DownloadTest, ChecksTheSha256ThatS3Keeps) {
  headers = {{"x-amz-checksum-sha256", to_base64(*from_hex(sha256_hex(object)))}};
  EXPECT_TRUE(download().checked);
  headers = {{"x-amz-checksum-sha256", to_base64(*from_hex(sha256_hex("other")))}};
  const Error error = error_of([&] { download(); });
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(std::string(error.what()),
            "downloading \"my-bucket/pipe/Source Arti/AbC\": its bytes do not have the checksum that S3 tells");
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(S3DownloadTest, TakesTheEtagForAnMd5OnlyWhereItIsOne) {
  etag = "\"" + to_hex(hash(HashAlgorithm::kMd5, object)) + "\"";
  EXPECT_TRUE(download().checked);
  etag = "\"" + to_hex(hash(HashAlgorithm::kMd5, "other")) + "\"";
  EXPECT_EQ(error_of([&] { download(); }).kind(), ErrorKind::kCorrupt);
  headers = {{"x-amz-server-side-encryption", "aws:kms"}};
  EXPECT_FALSE(download().checked);
}

TEST_F(S3DownloadTest, RefusesWhatIsLargerThanAllowedBeforeItIsRead) {
  const Error error = error_of([&] { download([](DownloadRequest& request) { request.max_bytes = 1000; }); });
  EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
  EXPECT_NE(std::string(error.what()).find("more than the 1000 bytes that are allowed (100003)"), std::string::npos);
  EXPECT_EQ(transport_->sent().size(), 1u);
}

TEST_F(S3DownloadTest, EndsAtItsDeadlineAndWhenItIsStopped) {
  EXPECT_EQ(error_of([&] {
              download([](DownloadRequest& request) { request.deadline = std::chrono::steady_clock::now(); });
            }).kind(),
            ErrorKind::kTimeout);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(error_of([&] { download([&](DownloadRequest& request) { request.stop = stop.get_token(); }); }).kind(),
            ErrorKind::kCancelled);
}

TEST_F(S3DownloadTest, DoesNotWriteThroughALink) {
  std::filesystem::create_symlink(directory_.path() / "elsewhere", file_);
  EXPECT_THROW(download(), Error);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "elsewhere"));
}

TEST_F(S3DownloadTest, SaysWhatIsMissing) {
  fault = [](const Sent&, int) -> std::optional<http::Response> {
    return answer(404, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>");
  };
  const Error error = error_of([&] { download(); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_EQ(error.code(), "NoSuchKey");
}

}  // namespace
}  // namespace penstock::aws
