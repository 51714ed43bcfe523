// Objects: put, copy, get with ranges and conditions, delete; how they are remembered.
#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {
namespace {

using json::Json;

constexpr std::array kKeptHeaders{"cache-control", "content-disposition", "content-encoding", "content-language",
                                  "expires"};

struct Range {
  std::uint64_t first = 0, last = 0;
};

// Empty: no range, or one that HTTP says to ignore.
std::optional<Range> parse_range(const std::string& header, std::uint64_t size) {
  if (!header.starts_with("bytes=") || header.find(',') != std::string::npos) return std::nullopt;
  const auto spec = header.substr(6);
  const auto dash = spec.find('-');
  if (dash == std::string::npos) return std::nullopt;
  const auto first = parse_unsigned(spec.substr(0, dash));
  const auto last = parse_unsigned(spec.substr(dash + 1));
  const auto unsatisfiable = [&] {
    return ServiceError(416, "InvalidRange", "The requested range is not satisfiable")
        .with("RangeRequested", header)
        .with("ActualObjectSize", std::to_string(size));
  };
  if (dash == 0) {
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) throw unsatisfiable();
    return Range{size - std::min(size, *last), size - 1};
  }
  if (!first || (dash + 1 < spec.size() && !last)) return std::nullopt;
  if (last && *last < *first) return std::nullopt;
  if (*first >= size) throw unsatisfiable();
  return Range{*first, last ? std::min(*last, size - 1) : size - 1};
}

std::string without_quotes(std::string text) {
  std::erase(text, '"');
  return text;
}

bool names_etag(const std::string& header, const std::string& etag) {
  for (const auto& part : split(header, ',')) {
    const auto candidate = trim(part);
    if (candidate == "*" || without_quotes(std::string(candidate)) == without_quotes(etag)) return true;
  }
  return false;
}

void add_encryption_headers(Response& response, const std::string& encryption, const std::string& kms_key_id) {
  if (encryption.empty()) return;
  response.headers.push_back({"x-amz-server-side-encryption", encryption});
  if (!kms_key_id.empty()) response.headers.push_back({"x-amz-server-side-encryption-aws-kms-key-id", kms_key_id});
}

}  // namespace

Json S3::encode(const Object& object) {
  return {{"bucket", object.bucket},
          {"key", object.key},
          {"file", object.file},
          {"etag", object.etag},
          {"contentType", object.content_type},
          {"encryption", object.encryption},
          {"kmsKeyId", object.kms_key_id},
          {"size", object.size},
          {"modified", object.modified},
          {"headers", object.headers},
          {"checksumName", object.checksum_name},
          {"checksum", object.checksum},
          {"parts", object.parts}};
}

S3::Object S3::decode(const Json& value) {
  Object object;
  object.bucket = value.at("bucket").get<std::string>();
  object.key = value.at("key").get<std::string>();
  object.file = value.at("file").get<std::string>();
  object.etag = value.at("etag").get<std::string>();
  object.content_type = value.at("contentType").get<std::string>();
  object.encryption = value.at("encryption").get<std::string>();
  object.kms_key_id = value.at("kmsKeyId").get<std::string>();
  object.size = value.at("size").get<std::uint64_t>();
  object.modified = value.at("modified").get<std::int64_t>();
  object.headers = value.at("headers").get<std::map<std::string, std::string>>();
  object.checksum_name = value.at("checksumName").get<std::string>();
  object.checksum = value.at("checksum").get<std::string>();
  object.parts = value.at("parts").get<int>();
  return object;
}

void S3::check_encryption(const Request& request, const S3Target& target) const {
  const auto encryption = request.header("x-amz-server-side-encryption");
  if (!encryption.empty() && encryption != "AES256" && encryption != "aws:kms" && encryption != "aws:kms:dsse") {
    throw ServiceError(400, "InvalidEncryptionAlgorithmError",
                       "The encryption request that you specified is not valid.");
  }
  if (request.find("x-amz-server-side-encryption-aws-kms-key-id")) {
    if (!encryption.starts_with("aws:kms")) {
      throw ServiceError(400, "InvalidArgument",
                         "Server Side Encryption with AWS KMS managed key requires HTTP header "
                         "x-amz-server-side-encryption : aws:kms");
    }
    if (request.header("x-amz-server-side-encryption-aws-kms-key-id").empty()) {
      throw ServiceError(400, "InvalidArgument", "The KMS key id must not be empty");
    }
  }
  if (const auto acl = request.header("x-amz-acl");
      !acl.empty() && acl != "private" && acl != "bucket-owner-full-control") {
    throw ServiceError(400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
  }
  bool demands_kms = has_kms_policy_(target.bucket);
  {
    std::lock_guard lock(mutex_);
    const auto& bucket = get_bucket(target.bucket);
    demands_kms =
        (demands_kms && !bucket.exempt) ||
        (bucket.policy.find("s3:x-amz-server-side-encryption\"") != std::string::npos &&
         bucket.policy.find("\"Deny\"") != std::string::npos && bucket.policy.find("\"aws:kms\"") != std::string::npos);
  }
  if (demands_kms && encryption != "aws:kms") throw ServiceError(403, "AccessDenied", "Access Denied");
}

S3::Object S3::described(const Request& request, const S3Target& target, const Verified& verified) const {
  Object object;
  object.bucket = target.bucket;
  object.key = target.key;
  object.content_type = request.header("Content-Type");
  if (object.content_type.empty()) object.content_type = "binary/octet-stream";
  object.encryption = request.header("x-amz-server-side-encryption");
  if (object.encryption.empty()) object.encryption = "AES256";
  object.kms_key_id = request.header("x-amz-server-side-encryption-aws-kms-key-id");
  if (object.encryption.starts_with("aws:kms") && object.kms_key_id.empty()) {
    object.kms_key_id = "arn:aws:kms:" + verified.region + ":" + verified.identity.account + ":alias/aws/s3";
  }
  for (const auto& header : request.headers) {
    const auto name = to_lower(header.name);
    const bool kept = std::find(kKeptHeaders.begin(), kKeptHeaders.end(), name) != kKeptHeaders.end();
    if (!kept && !name.starts_with("x-amz-meta-")) continue;
    auto value = header.value;
    if (name == "content-encoding" && value.starts_with("aws-chunked")) {
      value = value.size() > 12 ? std::string(trim(std::string_view(value).substr(12))) : "";
      if (value.empty()) continue;
    }
    object.headers[name] = value;
  }
  return object;
}

void S3::store(Object object) {
  object.modified = to_milliseconds(clock_.now());
  std::string old_file;
  {
    std::lock_guard lock(mutex_);
    get_bucket(object.bucket);
    auto& slot = objects_[object.bucket][object.key];
    old_file = slot.file;
    journal_.put("object", object.bucket + "/" + object.key, encode(object));
    slot = std::move(object);
  }
  journal_.flush();
  std::error_code ignored;
  if (!old_file.empty()) std::filesystem::remove(path_of(old_file), ignored);
}

Response S3::put_object(Request& request, const S3Target& target, const Verified& verified) {
  check_encryption(request, target);
  if (const auto* condition = request.find("If-None-Match"); condition && *condition == "*") {
    std::lock_guard lock(mutex_);
    if (objects_[target.bucket].contains(target.key)) {
      throw ServiceError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
  }
  auto object = described(request, target, verified);
  auto received = receive(request, verified, to_lower(request.header("x-amz-sdk-checksum-algorithm")));
  object.size = received.size;
  object.checksum_name = received.checksum_name;
  object.checksum = received.checksum;
  // With KMS the ETag is no MD5 of the content.
  object.etag = "\"" +
                to_hex(object.encryption.starts_with("aws:kms")
                           ? hash(HashAlgorithm::kMd5, received.md5 + target.bucket + target.key)
                           : received.md5) +
                "\"";
  object.file = received.file.keep();
  Response response;
  response.headers.push_back({"ETag", object.etag});
  add_encryption_headers(response, object.encryption, object.kms_key_id);
  if (!object.checksum.empty()) response.headers.push_back({"x-amz-checksum-" + object.checksum_name, object.checksum});
  store(std::move(object));
  return response;
}

Response S3::copy_object(Request& request, const S3Target& target, const Verified& verified) {
  check_encryption(request, target);
  auto source = percent_decode(request.header("x-amz-copy-source"));
  if (!source) throw ServiceError(400, "InvalidArgument", "x-amz-copy-source is not a URL-encoded path");
  if (source->starts_with('/')) source = source->substr(1);
  const auto slash = source->find('/');
  if (slash == std::string::npos) throw ServiceError(400, "InvalidArgument", "x-amz-copy-source names no key");
  Object original;
  {
    std::lock_guard lock(mutex_);
    get_bucket(source->substr(0, slash));
    const auto& objects = objects_[source->substr(0, slash)];
    const auto found = objects.find(source->substr(slash + 1));
    if (found == objects.end()) throw ServiceError(404, "NoSuchKey", "The specified key does not exist.");
    original = found->second;
  }
  auto file = new_file();
  std::filesystem::copy_file(path_of(original.file), file.path());
  auto object = described(request, target, verified);
  if (request.header("x-amz-metadata-directive") != "REPLACE") {
    object.content_type = original.content_type;
    object.headers = original.headers;
  }
  object.size = original.size;
  object.etag = original.etag;
  object.checksum_name = original.checksum_name;
  object.checksum = original.checksum;
  object.file = file.keep();
  const auto body = "<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LastModified>" +
                    format_rfc3339(clock_.now()) + "</LastModified><ETag>" + escape_xml(object.etag) +
                    "</ETag></CopyObjectResult>";
  store(std::move(object));
  return xml_response(200, body);
}

Response S3::get_object(Request& request, const S3Target& target, const Verified&) {
  Object object;
  UniqueFd fd;
  {
    std::lock_guard lock(mutex_);
    const auto& objects = objects_[target.bucket];
    const auto found = objects.find(target.key);
    if (found == objects.end()) {
      throw ServiceError(404, "NoSuchKey", "The specified key does not exist.").with("Key", target.key);
    }
    object = found->second;
    fd.reset(::open(path_of(object.file).c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!fd) throw_errno("opening the object " + in_quotes(target.key), errno);
  if (const auto* condition = request.find("If-Match"); condition && !names_etag(*condition, object.etag)) {
    throw ServiceError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        .with("Condition", "If-Match");
  }
  Response response;
  response.headers = {{"ETag", object.etag},
                      {"Last-Modified", http_date(object.modified)},
                      {"Accept-Ranges", "bytes"},
                      {"Content-Type", object.content_type}};
  for (const auto& [name, value] : object.headers) response.headers.push_back({name, value});
  add_encryption_headers(response, object.encryption, object.kms_key_id);
  if (const auto* condition = request.find("If-None-Match"); condition && names_etag(*condition, object.etag)) {
    response.status = 304;
    return response;
  }
  const auto range = parse_range(request.header("Range"), object.size);
  if (range) {
    response.status = 206;
    response.headers.push_back({"Content-Range", "bytes " + std::to_string(range->first) + "-" +
                                                     std::to_string(range->last) + "/" + std::to_string(object.size)});
  } else if (!object.checksum.empty() && equals_ignoring_case(request.header("x-amz-checksum-mode"), "ENABLED")) {
    response.headers.push_back({"x-amz-checksum-" + object.checksum_name, object.checksum});
  }
  const auto offset = range ? range->first : 0;
  const auto length = range ? range->last - range->first + 1 : object.size;
  if (request.method == "HEAD") {
    response.length_only = length;
  } else {
    response.file = FileBody{std::move(fd), offset, length};
  }
  return response;
}

Response S3::delete_object(Request&, const S3Target& target, const Verified&) {
  std::string file;
  {
    std::lock_guard lock(mutex_);
    auto& objects = objects_[target.bucket];
    if (const auto found = objects.find(target.key); found != objects.end()) {
      file = found->second.file;
      objects.erase(found);
      journal_.remove("object", target.bucket + "/" + target.key);
    }
  }
  journal_.flush();
  std::error_code ignored;
  if (!file.empty()) std::filesystem::remove(path_of(file), ignored);
  Response response;
  response.status = 204;
  return response;
}

std::optional<std::string> S3::read(const std::string& bucket, const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto objects = objects_.find(bucket);
  if (objects == objects_.end()) return std::nullopt;
  const auto found = objects->second.find(key);
  if (found == objects->second.end()) return std::nullopt;
  return read_file(path_of(found->second.file));
}

void S3::restore(std::string_view kind, const Json& value) {
  std::lock_guard lock(mutex_);
  if (kind == "bucket") {
    Bucket bucket;
    bucket.name = value.at("name").get<std::string>();
    bucket.region = value.at("region").get<std::string>();
    bucket.account = value.at("account").get<std::string>();
    bucket.policy = value.at("policy").get<std::string>();
    bucket.created = value.at("created").get<std::int64_t>();
    bucket.exempt = value.at("exempt").get<bool>();
    buckets_[bucket.name] = std::move(bucket);
  } else if (kind == "object") {
    auto object = decode(value);
    objects_[object.bucket][object.key] = std::move(object);
  } else if (kind == "upload") {
    Upload upload;
    upload.id = value.at("id").get<std::string>();
    upload.initiated = value.at("initiated").get<std::int64_t>();
    upload.object = decode(value.at("object"));
    auto& slot = uploads_[upload.id];
    upload.parts = std::move(slot.parts);  // a part may have been read first
    slot = std::move(upload);
  } else if (kind == "part") {
    uploads_[value.at("upload").get<std::string>()].parts[value.at("number").get<int>()] = {
        value.at("file").get<std::string>(),           value.at("etag").get<std::string>(),
        *from_hex(value.at("md5").get<std::string>()), value.at("checksum").get<std::string>(),
        value.at("size").get<std::uint64_t>(),         value.at("modified").get<std::int64_t>()};
  }
}

Json S3::dump() const {
  std::lock_guard lock(mutex_);
  Json result = {{"buckets", Json::object()}, {"uploads", Json::array()}};
  for (const auto& [name, bucket] : buckets_) {
    Json objects = Json::array();
    if (const auto found = objects_.find(name); found != objects_.end()) {
      for (const auto& [key, object] : found->second) {
        auto entry = encode(object);
        entry.erase("file");
        objects.push_back(std::move(entry));
      }
    }
    result["buckets"][name] = {{"region", bucket.region}, {"objects", std::move(objects)}};
  }
  for (const auto& [id, upload] : uploads_) {
    result["uploads"].push_back({{"uploadId", id},
                                 {"bucket", upload.object.bucket},
                                 {"key", upload.object.key},
                                 {"parts", upload.parts.size()}});
  }
  return result;
}

}  // namespace penstock::sandbox
