#include "core/aws/s3.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/aws/s3_object.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kMinPart = 5 * kMiB;
constexpr std::size_t kPartsOfOneSize = 900;
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

PartPlace multipart_part(std::size_t index, std::uint64_t configured) noexcept {
  const std::uint64_t first = (std::max(configured, kMinPart) + kMiB - 1) / kMiB * kMiB;
  PartPlace place{.offset = 0, .size = std::min(first, kMaxSinglePut)};
  for (; index >= kPartsOfOneSize; index -= kPartsOfOneSize) {
    place.offset += kPartsOfOneSize * place.size;
    place.size = std::min(place.size * 2, kMaxSinglePut);
  }
  place.offset += index * place.size;
  return place;
}

struct S3Upload::State {
  UploadRequest request;
  std::shared_ptr<Client> client;
  S3Options options;
  std::shared_ptr<S3BucketRegions> regions;
  S3Object object{*client, options, *regions, request};
  std::filesystem::path growing;  // the file that is open
  std::optional<SourceFile> file;
  std::optional<MultipartUpload> parts;  // above the threshold

  std::uint64_t single_put_limit() const { return std::min(options.multipart_threshold, kMaxSinglePut); }
  void drop() {
    parts.reset();
    file.reset();
  }
};

S3Upload::S3Upload(std::unique_ptr<State> state) : state_(std::move(state)) {}
S3Upload::~S3Upload() = default;

void S3Upload::grow(const std::filesystem::path& path, std::uint64_t bytes) {
  State& state = *state_;
  if (state.growing != path) {
    state.drop();
    state.growing = path;
  }
  if (bytes <= state.single_put_limit()) return;
  try {
    if (!state.file) state.file.emplace(path);
    if (!state.parts) state.parts.emplace(state.object, *state.file);
    state.parts->grow(bytes);
  } catch (const std::exception&) {
    state.drop();  // and is sent when it is complete
  }
}

UploadResult S3Upload::finish(const std::filesystem::path& path) {
  State& state = *state_;
  try {
    if (state.file && !state.file->is_at(path)) state.drop();
    const std::uint64_t size = SourceFile(path).size();
    if (size > kMaxObject) {
      throw Error(ErrorKind::kInvalidInput, "the file has " + std::to_string(size) + " bytes, S3 takes 5 TiB");
    }
    if (!state.file) state.file.emplace(path);
    if (size <= state.single_put_limit()) return upload_at_once(state.object, *state.file);
    if (!state.parts) state.parts.emplace(state.object, *state.file);
    state.parts->grow(size);
    return state.parts->finish();
  } catch (const Error& error) {
    throw error.with_context("uploading " + in_quotes(state.request.bucket + "/" + state.request.key));
  }
}

S3Client::S3Client(std::shared_ptr<Client> client, S3Options options)
    : client_(std::move(client)), options_(std::move(options)), regions_(std::make_shared<S3BucketRegions>()) {}

UploadResult S3Client::upload_file(const UploadRequest& request) {
  return begin_upload(request)->finish(request.file);
}

std::unique_ptr<S3Upload> S3Client::begin_upload(UploadRequest request) {
  return std::unique_ptr<S3Upload>(new S3Upload(std::unique_ptr<S3Upload::State>(new S3Upload::State{
      .request = std::move(request), .client = client_, .options = options_, .regions = regions_})));
}

}  // namespace penstock::aws
