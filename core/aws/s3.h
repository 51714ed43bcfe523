// Uploading artifacts (and later downloading inputs). SSE-KMS unless told otherwise, as CodePipeline's bucket policy
// demands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/aws/client.h"

namespace penstock::aws {

struct UploadRequest {
  std::string bucket, key = {};
  std::filesystem::path file = {};
  std::string kms_key_id = {};         // empty = the bucket's default key; the aws:kms header is sent all the same
  std::string encryption = "aws:kms";  // aws:kms | aws:kms:dsse | AES256 | none
  std::string content_type = "application/zip";
  CredentialsProvider* credentials = nullptr;  // the job's
  std::stop_token stop = {};
};
struct UploadResult {
  std::uint64_t bytes = 0;
  std::string sha256 = {};  // hex, of the whole file
  std::string version_id = {};
  int parts = 1;
};

struct S3Options {
  // x-amz-checksum-sha256 on single PUTs, which S3 keeps with the object. Some other stores refuse it.
  bool send_checksum = true;
  bool force_path_style = false;  // also chosen by itself for IP and localhost endpoints and dotted buckets
  std::uint64_t multipart_threshold = 16u << 20;
  std::uint64_t part_size = 8u << 20;  // raised so that 10,000 parts are enough
  int parallel_parts = 4;
  std::chrono::milliseconds timeout_per_request{300000};
};

class S3Client {
 public:
  S3Client(std::shared_ptr<Client> client, S3Options options);
  // Single PUT below the threshold, else multipart with parallel parts; aborted on failure. Follows a region redirect
  // once, and remembers it for the bucket. The file is read from disk as it is sent, twice in all; it must not change
  // meanwhile (Error{kCorrupt} when it became shorter, S3's refusal when its bytes changed). Errors as in client.h;
  // code() is S3's. Thread-safe, blocking.
  UploadResult upload_file(const UploadRequest& request);

 private:
  std::shared_ptr<Client> client_;
  S3Options options_;
  std::shared_ptr<class S3BucketRegions> regions_;
};

// Big enough for 10,000 parts, a whole number of MiB, at least `configured` and S3's minimum of 5 MiB.
std::uint64_t multipart_part_size(std::uint64_t file_size, std::uint64_t configured) noexcept;

}  // namespace penstock::aws
