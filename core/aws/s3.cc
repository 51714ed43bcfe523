#include "core/aws/s3.h"

#include <algorithm>
#include <utility>

#include "core/aws/s3_object.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kMinPart = 5 * kMiB;
constexpr std::uint64_t kMaxParts = 10000;
constexpr std::uint64_t kMaxSinglePut = 5ull << 30;
constexpr std::uint64_t kMaxObject = 5ull << 40;

UploadResult upload_at_once(const S3Object& object, const SourceFile& file) {
  UploadResult result;
  result.bytes = file.size();
  const std::string digest = file.sha256(0, file.size(), object.request().stop, nullptr);
  result.sha256 = to_hex(digest);
  const FileRange body(file, 0, file.size());
  Client::Call call{.name = "PutObject", .method = "PUT"};
  call.headers.add("Content-Type", object.request().content_type);
  object.add_encryption(call.headers);
  if (object.options().send_checksum) call.headers.add("x-amz-checksum-sha256", to_base64(digest));
  call.body_source = body.source();
  call.payload_sha256 = result.sha256;
  call.stop = object.request().stop;
  const http::Response response = object.send(std::move(call));
  result.version_id = std::string(response.headers.find("x-amz-version-id").value_or(""));
  return result;
}

}  // namespace

std::uint64_t multipart_part_size(std::uint64_t file_size, std::uint64_t configured) noexcept {
  const std::uint64_t needed = (file_size + kMaxParts - 1) / kMaxParts;
  const std::uint64_t size = std::max({needed, configured, kMinPart});
  return (size + kMiB - 1) / kMiB * kMiB;
}

S3Client::S3Client(std::shared_ptr<Client> client, S3Options options)
    : client_(std::move(client)), options_(std::move(options)), regions_(std::make_shared<S3BucketRegions>()) {}

UploadResult S3Client::upload_file(const UploadRequest& request) {
  try {
    const SourceFile file(request.file);
    if (file.size() > kMaxObject) {
      throw Error(ErrorKind::kInvalidInput, "the file has " + std::to_string(file.size()) + " bytes, S3 takes 5 TiB");
    }
    const S3Object object(*client_, options_, *regions_, request);
    const bool in_parts = file.size() > std::min(options_.multipart_threshold, kMaxSinglePut);
    return in_parts ? upload_in_parts(object, file) : upload_at_once(object, file);
  } catch (const Error& error) {
    throw error.with_context("uploading " + in_quotes(request.bucket + "/" + request.key));
  }
}

}  // namespace penstock::aws
