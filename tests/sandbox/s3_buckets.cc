// Buckets, their policies and listings.
#include "core/base/regex.h"
#include "core/base/text.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {
namespace {

using json::Json;

constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escape_xml(text) + "</" + name + ">";
}

// The text of the first <name> element, not decoded; empty when there is none.
std::string text_of(const std::string& xml, const std::string& name) {
  const auto begin = xml.find("<" + name + ">");
  if (begin == std::string::npos) return {};
  const auto from = begin + name.size() + 2;
  const auto end = xml.find("</" + name + ">", from);
  return end == std::string::npos ? std::string() : std::string(trim(xml.substr(from, end - from)));
}

}  // namespace

void S3::create_bucket(const std::string& name, const std::string& region, const std::string& account,
                       bool sse_kms_exempt) {
  static const Regex kName("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
  if (!kName.matches_whole(name) || name.find("..") != std::string::npos) {
    throw ServiceError(400, "InvalidBucketName", "The specified bucket is not valid.").with("BucketName", name);
  }
  std::lock_guard lock(mutex_);
  if (const auto found = buckets_.find(name); found != buckets_.end()) {
    throw ServiceError(409, found->second.account == account ? "BucketAlreadyOwnedByYou" : "BucketAlreadyExists",
                       "The bucket " + name + " exists already")
        .with("BucketName", name);
  }
  const Bucket bucket{name, region, account, "", to_milliseconds(clock_.now()), sse_kms_exempt};
  buckets_[name] = bucket;
  journal_.put("bucket", name,
               {{"name", name},
                {"region", region},
                {"account", account},
                {"policy", ""},
                {"created", bucket.created},
                {"exempt", sse_kms_exempt}});
  journal_.flush();
}

Response S3::list_buckets(Request&, const S3Target&, const Verified& verified) {
  std::string body = "<ListAllMyBucketsResult" + std::string(kNamespace) + "><Owner><ID>" + verified.identity.account +
                     "</ID></Owner><Buckets>";
  std::lock_guard lock(mutex_);
  for (const auto& [name, bucket] : buckets_) {
    body += "<Bucket>" + element("Name", name) +
            element("CreationDate", format_rfc3339(from_milliseconds(bucket.created))) + "</Bucket>";
  }
  return xml_response(200, body + "</Buckets></ListAllMyBucketsResult>");
}

Response S3::put_bucket(Request& request, const S3Target& target, const Verified& verified) {
  const auto body = read_document(request, verified, 64u << 10);
  auto region = text_of(body, "LocationConstraint");
  if (region.empty()) {
    if (verified.region != "us-east-1") {
      throw ServiceError(400, "IllegalLocationConstraintException",
                         "The unspecified location constraint is incompatible for the region specific endpoint this "
                         "request was sent to.");
    }
    region = "us-east-1";
  } else if (region != verified.region) {
    throw ServiceError(400, "IllegalLocationConstraintException",
                       "The " + region +
                           " location constraint is incompatible for the region specific endpoint this "
                           "request was sent to.");
  }
  create_bucket(target.bucket, region, verified.identity.account, false);
  Response response;
  response.headers.push_back({"Location", "/" + target.bucket});
  return response;
}

Response S3::head_bucket(Request&, const S3Target& target, const Verified& verified) {
  std::lock_guard lock(mutex_);
  const auto& bucket = get_bucket(target.bucket);
  Response response;
  response.headers.push_back({"x-amz-bucket-region", bucket.region.empty() ? verified.region : bucket.region});
  return response;
}

Response S3::delete_bucket(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  get_bucket(target.bucket);
  if (!objects_[target.bucket].empty()) {
    throw ServiceError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
        .with("BucketName", target.bucket);
  }
  buckets_.erase(target.bucket);
  objects_.erase(target.bucket);
  journal_.remove("bucket", target.bucket);
  journal_.flush();
  Response response;
  response.status = 204;
  return response;
}

Response S3::get_bucket_location(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  const auto& region = get_bucket(target.bucket).region;
  return xml_response(200, "<LocationConstraint" + std::string(kNamespace) + ">" +
                               (region == "us-east-1" ? "" : region) + "</LocationConstraint>");
}

Response S3::put_bucket_policy(Request& request, const S3Target& target, const Verified& verified) {
  const auto body = read_document(request, verified, 20u << 10);
  if (!Json::accept(body)) throw ServiceError(400, "MalformedPolicy", "Policies must be valid JSON");
  std::lock_guard lock(mutex_);
  auto& bucket = get_bucket(target.bucket);
  bucket.policy = Json::parse(body).dump();
  journal_.put("bucket", bucket.name,
               {{"name", bucket.name},
                {"region", bucket.region},
                {"account", bucket.account},
                {"policy", bucket.policy},
                {"created", bucket.created},
                {"exempt", bucket.exempt}});
  journal_.flush();
  Response response;
  response.status = 204;
  return response;
}

Response S3::get_bucket_policy(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  const auto& bucket = get_bucket(target.bucket);
  if (bucket.policy.empty()) throw ServiceError(404, "NoSuchBucketPolicy", "The bucket policy does not exist");
  Response response;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = bucket.policy;
  return response;
}

Response S3::delete_bucket_policy(Request&, const S3Target& target, const Verified&) {
  std::lock_guard lock(mutex_);
  auto& bucket = get_bucket(target.bucket);
  bucket.policy.clear();
  journal_.put("bucket", bucket.name,
               {{"name", bucket.name},
                {"region", bucket.region},
                {"account", bucket.account},
                {"policy", ""},
                {"created", bucket.created},
                {"exempt", bucket.exempt}});
  journal_.flush();
  Response response;
  response.status = 204;
  return response;
}

Response S3::list_objects(Request&, const S3Target& target, const Verified&) {
  const bool v2 = target.operation == "ListObjectsV2";
  const auto prefix = target.parameter("prefix");
  const auto delimiter = target.parameter("delimiter");
  const bool encoded = target.parameter("encoding-type") == "url";
  const auto shown = [&](const std::string& key) { return encoded ? percent_encode(key, SlashMode::kKeep) : key; };
  std::uint64_t limit = 1000;
  if (target.query.contains("max-keys")) {
    const auto parsed = parse_unsigned(target.parameter("max-keys"));
    if (!parsed) throw ServiceError(400, "InvalidArgument", "max-keys is not a number");
    limit = std::min<std::uint64_t>(*parsed, 1000);
  }
  // Tokens and markers are the last key (or common prefix) that was returned, the tokens in hexadecimal.
  std::string after = v2 ? target.parameter("start-after") : target.parameter("marker");
  if (v2 && target.query.contains("continuation-token")) {
    const auto decoded = from_hex(target.parameter("continuation-token"));
    if (!decoded) throw ServiceError(400, "InvalidArgument", "The continuation token provided is incorrect");
    after = *decoded;
  }
  std::string contents, prefixes, last, last_prefix;
  std::uint64_t count = 0;
  bool truncated = false;
  std::lock_guard lock(mutex_);
  for (const auto& [key, object] : objects_[target.bucket]) {
    if (key <= after || !key.starts_with(prefix)) continue;
    const auto cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const auto common = cut == std::string::npos ? std::string() : key.substr(0, cut + delimiter.size());
    if (!common.empty() && (common == last_prefix || (!after.empty() && after.starts_with(common)))) continue;
    if (count == limit) {
      truncated = true;
      break;
    }
    ++count;
    if (!common.empty()) {
      prefixes += "<CommonPrefixes>" + element("Prefix", shown(common)) + "</CommonPrefixes>";
      last = last_prefix = common;
      continue;
    }
    contents += "<Contents>" + element("Key", shown(key)) +
                element("LastModified", format_rfc3339(from_milliseconds(object.modified))) +
                element("ETag", object.etag) + element("Size", std::to_string(object.size)) +
                "<StorageClass>STANDARD</StorageClass></Contents>";
    last = key;
  }
  std::string body = "<ListBucketResult" + std::string(kNamespace) + ">" + element("Name", target.bucket) +
                     element("Prefix", shown(prefix)) + element("MaxKeys", std::to_string(limit));
  if (!delimiter.empty()) body += element("Delimiter", shown(delimiter));
  if (encoded) body += element("EncodingType", "url");
  body += element("IsTruncated", truncated ? "true" : "false");
  if (v2) {
    body += element("KeyCount", std::to_string(count));
    if (truncated) body += element("NextContinuationToken", to_hex(last));
  } else if (truncated) {
    body += element("NextMarker", shown(last));
  }
  return xml_response(200, body + contents + prefixes + "</ListBucketResult>");
}

}  // namespace penstock::sandbox
