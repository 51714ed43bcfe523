// S3's REST interface over files: buckets, objects, ranges, multipart uploads, the checks that clients rely on.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/time.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/journal.h"
#include "tests/sandbox/sigv4_verifier.h"

namespace penstock::sandbox {

// What a request asks for, before anything was looked at but its start line and host.
struct S3Target {
  std::string operation;  // "PutObject", …; "Unknown"
  std::string bucket, key;
  std::multimap<std::string, std::string> query;

  std::string parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
};
S3Target parse_s3_target(const Request& request);

// A file that is deleted unless kept.
class DataFile {
 public:
  explicit DataFile(std::filesystem::path path) : path_(std::move(path)) {}
  DataFile(DataFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  DataFile& operator=(DataFile&&) = delete;
  ~DataFile();
  const std::filesystem::path& path() const { return path_; }
  std::string keep();  // the file's name

 private:
  std::filesystem::path path_;
};

// Thread-safe: the lock guards the index, never a transfer.
class S3 {
 public:
  // `has_kms_policy`: buckets that take SSE-KMS objects only although no policy document of their own says so.
  S3(std::filesystem::path folder, Journal& journal, const Clock& clock,
     std::function<bool(const std::string&)> has_kms_policy);

  Response handle(Request& request, const S3Target& target, const Verified& verified);
  void create_bucket(const std::string& name, const std::string& region, const std::string& account,
                     bool sse_kms_exempt);
  void restore(std::string_view kind, const json::Json& value);
  // An object's whole content.
  std::optional<std::string> read(const std::string& bucket, const std::string& key) const;
  json::Json dump() const;

 private:
  struct Bucket {
    std::string name, region, account, policy;
    std::int64_t created = 0;
    bool exempt = false;  // of the SSE-KMS policy that artifact buckets get
  };
  struct Object {
    std::string bucket, key, file, etag, content_type, encryption, kms_key_id;
    std::uint64_t size = 0;
    std::int64_t modified = 0;
    std::map<std::string, std::string> headers;  // x-amz-meta-*, Content-Encoding and such, given back as they came
    std::string checksum_name, checksum;
    int parts = 0;
  };
  struct Part {
    std::string file, etag, md5, checksum;
    std::uint64_t size = 0;
    std::int64_t modified = 0;
  };
  struct Upload {
    std::string id;
    Object object;  // what the parts will become
    std::int64_t initiated = 0;
    std::map<int, Part> parts;
  };
  struct Received {
    DataFile file;
    std::uint64_t size = 0;
    std::string md5;  // raw
    std::string checksum_name, checksum;
  };
  using Handler = Response (S3::*)(Request&, const S3Target&, const Verified&);

  // s3_buckets.cc
  Response list_buckets(Request&, const S3Target&, const Verified&);
  Response put_bucket(Request&, const S3Target&, const Verified&);
  Response head_bucket(Request&, const S3Target&, const Verified&);
  Response delete_bucket(Request&, const S3Target&, const Verified&);
  Response get_bucket_location(Request&, const S3Target&, const Verified&);
  Response put_bucket_policy(Request&, const S3Target&, const Verified&);
  Response get_bucket_policy(Request&, const S3Target&, const Verified&);
  Response delete_bucket_policy(Request&, const S3Target&, const Verified&);
  Response list_objects(Request&, const S3Target&, const Verified&);

  // s3_objects.cc
  Response put_object(Request&, const S3Target&, const Verified&);
  Response copy_object(Request&, const S3Target&, const Verified&);
  Response get_object(Request&, const S3Target&, const Verified&);
  Response delete_object(Request&, const S3Target&, const Verified&);

  // s3_multipart.cc
  Response create_multipart_upload(Request&, const S3Target&, const Verified&);
  Response upload_part(Request&, const S3Target&, const Verified&);
  Response complete_multipart_upload(Request&, const S3Target&, const Verified&);
  Response abort_multipart_upload(Request&, const S3Target&, const Verified&);
  Response list_parts(Request&, const S3Target&, const Verified&);
  Response list_multipart_uploads(Request&, const S3Target&, const Verified&);
  Upload& get_upload(const S3Target& target);

  void authorize(const Request& request, const S3Target& target, const Verified& verified) const;
  void check_encryption(const Request& request, const S3Target& target) const;
  Received receive(Request& request, const Verified& verified, std::string checksum_algorithm);
  std::string read_document(Request& request, const Verified& verified, std::size_t limit);
  Object described(const Request& request, const S3Target& target, const Verified& verified) const;
  void store(Object object);
  Bucket& get_bucket(const std::string& name);
  const Bucket& get_bucket(const std::string& name) const;
  std::filesystem::path path_of(const std::string& file) const { return folder_ / file; }
  DataFile new_file() const;

  static json::Json encode(const Object& object);
  static Object decode(const json::Json& value);

  const std::filesystem::path folder_;
  Journal& journal_;
  const Clock& clock_;
  const std::function<bool(const std::string&)> has_kms_policy_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Bucket> buckets_;
  std::map<std::string, std::map<std::string, Object>> objects_;  // bucket -> key
  std::map<std::string, Upload> uploads_;
  std::map<std::string, std::pair<std::string, std::string>> completed_;  // upload -> (request body's hash, answer)
};

Response xml_response(int status, std::string body);
// 2026-11-21T09:30:00.000Z and Sat, 21 Nov 2026 09:30:00 GMT.
std::string http_date(std::int64_t milliseconds);

}  // namespace penstock::sandbox
