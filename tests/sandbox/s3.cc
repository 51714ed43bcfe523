// Which operation a request means, who may do it, and how bodies arrive.
#include "tests/sandbox/s3.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <unordered_map>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "tests/sandbox/checksums.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::uint64_t kMaxSinglePut = 5ull << 30;
constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::array kChecksumNames{"crc32", "crc32c", "crc64nvme", "sha1", "sha256"};

// The bucket that the Host header names in virtual-hosted style, empty in path style.
std::string bucket_of_host(std::string host) {
  if (host.starts_with('[')) return {};
  host = host.substr(0, host.find(':'));
  if (host == "localhost" || host.find_first_not_of("0123456789.") == std::string::npos) return {};
  for (const auto* mark : {".s3.", ".s3-"}) {
    if (const auto at = host.find(mark); at != std::string::npos) return host.substr(0, at);
  }
  constexpr std::string_view kLocal = ".localhost";
  if (host.ends_with(kLocal)) return host.substr(0, host.size() - kLocal.size());
  return {};
}

std::string operation_of(const std::string& method, const S3Target& target) {
  const auto has = [&](const char* name) { return target.query.contains(name); };
  if (target.bucket.empty()) return method == "GET" ? "ListBuckets" : "Unknown";
  if (target.key.empty()) {
    if (has("policy")) {
      if (method == "PUT") return "PutBucketPolicy";
      if (method == "GET") return "GetBucketPolicy";
      if (method == "DELETE") return "DeleteBucketPolicy";
      return "Unknown";
    }
    if (has("location") && method == "GET") return "GetBucketLocation";
    if (has("uploads") && method == "GET") return "ListMultipartUploads";
    for (const auto* other : {"acl", "cors", "encryption", "lifecycle", "logging", "notification", "object-lock",
                              "replication", "tagging", "versioning", "versions", "website", "delete"}) {
      if (has(other)) return "Unknown";
    }
    if (method == "PUT") return "CreateBucket";
    if (method == "HEAD") return "HeadBucket";
    if (method == "DELETE") return "DeleteBucket";
    if (method == "GET") return target.parameter("list-type") == "2" ? "ListObjectsV2" : "ListObjects";
    return "Unknown";
  }
  for (const auto* other :
       {"acl", "attributes", "legal-hold", "restore", "retention", "select", "tagging", "torrent"}) {
    if (has(other)) return "Unknown";
  }
  if (has("uploadId")) {
    if (method == "PUT") return has("partNumber") ? "UploadPart" : "Unknown";
    if (method == "POST") return "CompleteMultipartUpload";
    if (method == "DELETE") return "AbortMultipartUpload";
    if (method == "GET") return "ListParts";
    return "Unknown";
  }
  if (has("uploads")) return method == "POST" ? "CreateMultipartUpload" : "Unknown";
  if (method == "PUT") return "PutObject";
  if (method == "GET") return "GetObject";
  if (method == "HEAD") return "HeadObject";
  if (method == "DELETE") return "DeleteObject";
  return "Unknown";
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string http_date(std::int64_t milliseconds) {
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> buffer;
  const auto size = std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {buffer.data(), size};
}

Response xml_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/xml"});
  response.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + std::move(body);
  return response;
}

S3Target parse_s3_target(const Request& request) {
  S3Target target;
  for (auto& [name, value] : parse_query(request.query, Protocol::kS3)) {
    if (!name.starts_with("X-Amz-") && name != "x-id") target.query.emplace(std::move(name), std::move(value));
  }
  const auto path = percent_decode(request.path);
  if (!path) throw ServiceError(400, "InvalidURI", "Couldn't parse the specified URI.");
  target.bucket = bucket_of_host(request.header("Host"));
  if (!target.bucket.empty()) {
    target.key = path->substr(1);
  } else {
    const auto slash = path->find('/', 1);
    target.bucket = path->substr(1, slash == std::string::npos ? slash : slash - 1);
    if (slash != std::string::npos) target.key = path->substr(slash + 1);
  }
  target.operation = operation_of(request.method, target);
  if (target.operation == "PutObject" && request.find("x-amz-copy-source")) target.operation = "CopyObject";
  return target;
}

DataFile::~DataFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

std::string DataFile::keep() {
  const auto name = path_.filename().string();
  path_.clear();
  return name;
}

S3::S3(std::filesystem::path folder, Journal& journal, const Clock& clock,
       std::function<bool(const std::string&)> has_kms_policy)
    : folder_(std::move(folder)), journal_(journal), clock_(clock), has_kms_policy_(std::move(has_kms_policy)) {
  std::filesystem::create_directories(folder_);
}

Response S3::handle(Request& request, const S3Target& target, const Verified& verified) {
  static const std::unordered_map<std::string, Handler> kOperations{
      {"ListBuckets", &S3::list_buckets},
      {"CreateBucket", &S3::put_bucket},
      {"HeadBucket", &S3::head_bucket},
      {"DeleteBucket", &S3::delete_bucket},
      {"GetBucketLocation", &S3::get_bucket_location},
      {"PutBucketPolicy", &S3::put_bucket_policy},
      {"GetBucketPolicy", &S3::get_bucket_policy},
      {"DeleteBucketPolicy", &S3::delete_bucket_policy},
      {"ListObjects", &S3::list_objects},
      {"ListObjectsV2", &S3::list_objects},
      {"PutObject", &S3::put_object},
      {"CopyObject", &S3::copy_object},
      {"GetObject", &S3::get_object},
      {"HeadObject", &S3::get_object},
      {"DeleteObject", &S3::delete_object},
      {"CreateMultipartUpload", &S3::create_multipart_upload},
      {"UploadPart", &S3::upload_part},
      {"CompleteMultipartUpload", &S3::complete_multipart_upload},
      {"AbortMultipartUpload", &S3::abort_multipart_upload},
      {"ListParts", &S3::list_parts},
      {"ListMultipartUploads", &S3::list_multipart_uploads},
  };
  const auto found = kOperations.find(target.operation);
  if (found == kOperations.end()) {
    throw ServiceError(501, "NotImplemented",
                       "A header or query you provided implies functionality that is not implemented");
  }
  if (target.key.size() > kMaxKeyBytes) throw ServiceError(400, "KeyTooLongError", "Your key is too long");
  authorize(request, target, verified);
  return (this->*found->second)(request, target, verified);
}

void S3::authorize(const Request& request, const S3Target& target, const Verified& verified) const {
  const auto denied = [] { return ServiceError(403, "AccessDenied", "Access Denied"); };
  if (const auto& grants = verified.identity.grants) {
    static const std::set<std::string> kReads{"GetObject", "HeadObject"};
    static const std::set<std::string> kWrites{"PutObject", "CreateMultipartUpload",   "UploadPart",
                                               "ListParts", "CompleteMultipartUpload", "AbortMultipartUpload"};
    const bool reads = kReads.contains(target.operation);
    const bool writes = kWrites.contains(target.operation);
    const bool granted = std::any_of(grants->begin(), grants->end(), [&](const Grant& grant) {
      return grant.bucket == target.bucket && grant.key == target.key && (reads || (writes && grant.write));
    });
    if (!granted) throw denied();
  }
  if (target.operation == "ListBuckets" || target.operation == "CreateBucket") return;
  std::lock_guard lock(mutex_);
  const auto& bucket = get_bucket(target.bucket);
  if (const auto* owner = request.find("x-amz-expected-bucket-owner"); owner && *owner != bucket.account)
    throw denied();
  if (!bucket.region.empty() && bucket.region != verified.region && target.operation != "GetBucketLocation") {
    throw ServiceError(400, "AuthorizationHeaderMalformed",
                       "The authorization header is malformed; the region '" + verified.region +
                           "' is wrong; expecting '" + bucket.region + "'")
        .with("Region", bucket.region);
  }
}

S3::Bucket& S3::get_bucket(const std::string& name) {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) {
    throw ServiceError(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name);
  }
  return found->second;
}

const S3::Bucket& S3::get_bucket(const std::string& name) const {
  return const_cast<S3*>(this)->get_bucket(name);
}

DataFile S3::new_file() const {
  return DataFile(folder_ / make_uuid_v4());
}

std::string S3::read_document(Request& request, const Verified& verified, std::size_t limit) {
  std::string body;
  try {
    body = request.read_all(limit);
  } catch (const std::length_error&) {
    throw ServiceError(400, "MaxMessageLengthExceeded", "Your request was too big");
  }
  const auto announced = request.header("x-amz-content-sha256");
  if (!verified.presigned && is_hash(announced) && sha256_hex(body) != announced) {
    throw ServiceError(400, "XAmzContentSHA256Mismatch",
                       "The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  if (const auto* md5 = request.find("Content-MD5"); md5 && to_base64(hash(HashAlgorithm::kMd5, body)) != *md5) {
    throw ServiceError(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
  }
  return body;
}

S3::Received S3::receive(Request& request, const Verified& verified, std::string checksum_algorithm) {
  const auto announced = request.header("x-amz-content-sha256");
  ByteSource* source = request.body;
  std::unique_ptr<ChunkedPayload> chunked;
  std::uint64_t expected = 0;
  if (announced.starts_with("STREAMING-")) {
    const auto decoded = parse_unsigned(request.header("x-amz-decoded-content-length"));
    if (!decoded)
      throw ServiceError(411, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.");
    expected = *decoded;
    const auto signing = announced.starts_with("STREAMING-UNSIGNED") ? ChunkedPayload::Signing::kUnsigned
                                                                     : ChunkedPayload::Signing::kSigned;
    chunked =
        std::make_unique<ChunkedPayload>(*request.body, verified, signing, announced.ends_with("-TRAILER"), expected);
    source = chunked.get();
  } else {
    if (!request.content_length)
      throw ServiceError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
    expected = *request.content_length;
  }
  if (expected > kMaxSinglePut) {
    throw ServiceError(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.");
  }
  if (const auto* md5 = request.find("Content-MD5")) {
    const auto raw = from_base64(*md5);
    if (!raw || raw->size() != 16)
      throw ServiceError(400, "InvalidDigest", "The Content-MD5 you specified is not valid.");
  }
  std::string expected_checksum;
  for (const std::string name : kChecksumNames) {
    if (const auto* value = request.find("x-amz-checksum-" + name)) {
      if (!expected_checksum.empty()) {
        throw ServiceError(400, "InvalidRequest",
                           "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
      }
      checksum_algorithm = name;
      expected_checksum = *value;
    }
    if (to_lower(request.header("x-amz-trailer")) == "x-amz-checksum-" + name) checksum_algorithm = name;
  }

  Received received{new_file(), 0, {}, {}, {}};
  UniqueFd fd(::open(received.file.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) throw_errno("creating " + in_quotes(received.file.path().string()), errno);
  Hasher md5(HashAlgorithm::kMd5);
  std::optional<Hasher> sha256;
  if (is_hash(announced)) sha256.emplace(HashAlgorithm::kSha256);
  auto checksum = Checksum::make(checksum_algorithm);
  std::vector<char> buffer(256u << 10);
  while (const auto count = source->read(buffer.data(), buffer.size())) {
    const std::string_view data(buffer.data(), count);
    md5.update(data);
    if (sha256) sha256->update(data);
    if (checksum) checksum->update(data);
    received.size += count;
    for (std::size_t written = 0; written < count;) {
      const auto step = ::write(fd.get(), buffer.data() + written, count - written);
      if (step < 0 && errno == EINTR) continue;
      if (step < 0) throw_errno("writing " + in_quotes(received.file.path().string()), errno);
      written += static_cast<std::size_t>(step);
    }
  }
  received.md5 = md5.finish();
  if (sha256 && to_hex(sha256->finish()) != announced) {
    throw ServiceError(400, "XAmzContentSHA256Mismatch",
                       "The provided 'x-amz-content-sha256' header does not match what was computed.")
        .with("ClientComputedContentSHA256", announced);
  }
  if (const auto* header = request.find("Content-MD5"); header && *header != to_base64(received.md5)) {
    throw ServiceError(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
  }
  if (chunked) {
    for (const auto& trailer : chunked->trailers()) {
      if (trailer.name == "x-amz-checksum-" + checksum_algorithm) expected_checksum = trailer.value;
    }
  }
  if (checksum) {
    received.checksum_name = checksum_algorithm;
    received.checksum = checksum->finish();
    if (!expected_checksum.empty() && received.checksum != expected_checksum) {
      throw ServiceError(400, "BadDigest",
                         "The " + checksum_algorithm + " you specified did not match the calculated checksum.");
    }
  }
  return received;
}

}  // namespace penstock::sandbox
