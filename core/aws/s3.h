// Uploading and downloading artifacts. SSE-KMS unless told otherwise, as CodePipeline's bucket policy demands.
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
  std::filesystem::path file = {};     // of upload_file()
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

struct DownloadRequest {
  std::string bucket, key = {};
  std::filesystem::path file = {};       // made, or replaced; mode 0600; gone when the download fails
  std::uint64_t max_bytes = 5ull << 30;  // a larger object is Error{kExhausted}
  CredentialsProvider* credentials = nullptr;
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};
struct DownloadResult {
  std::uint64_t bytes = 0;
  std::string sha256 = {};  // hex, of the whole file
  std::string etag, version_id = {};
  bool checked = false;  // S3 told a checksum of the whole object, and it was right
};

struct S3Options {
  // x-amz-checksum-sha256 on single PUTs, which S3 keeps with the object. Some other stores refuse it.
  bool send_checksum = true;
  bool force_path_style = false;  // also chosen by itself for IP and localhost endpoints and dotted buckets
  std::uint64_t multipart_threshold = 16u << 20;
  std::uint64_t part_size = 8u << 20;  // of the first parts, see multipart_part()
  int parallel_parts = 4;
  std::chrono::milliseconds timeout_per_request{300000};
};

// One upload, which may begin while its file is still being written. Not thread-safe; sends from threads of its own.
class S3Upload {
 public:
  ~S3Upload();  // What was not finished is aborted: blocks for that, half a minute at most.

  // The first bytes of the file, so many of them, will not change any more. Never blocks, never throws: finish() does.
  // When it is another file than the last time, what was sent of that one is dropped.
  void grow(const std::filesystem::path& file, std::uint64_t bytes);

  // The file, perhaps renamed since, is complete. Blocks until the object is. A single PUT when it is not above the
  // threshold, else multipart with parallel parts. Errors as in client.h, code() is S3's; Error{kCorrupt} when the file
  // became shorter meanwhile (when its bytes changed, S3 refuses it). Once.
  UploadResult finish(const std::filesystem::path& file);

 private:
  friend class S3Client;
  struct State;
  explicit S3Upload(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Thread-safe. Follows a region redirect once, and remembers it for the bucket.
class S3Client {
 public:
  S3Client(std::shared_ptr<Client> client, S3Options options);
  // Of request.file, which is complete. Blocks; see S3Upload::finish.
  UploadResult upload_file(const UploadRequest& request);
  // For request.file see S3Upload; what the request refers to must outlive the upload.
  std::unique_ptr<S3Upload> begin_upload(UploadRequest request);
  // Blocks. A transfer that breaks goes on where it broke, as long as the object is the same and each attempt brings
  // some of it. Errors as in client.h; Error{kExhausted} when it is too large, kTimeout at the deadline, kCorrupt when
  // the bytes do not have the checksum that S3 tells.
  DownloadResult download_file(const DownloadRequest& request);

 private:
  std::shared_ptr<Client> client_;
  S3Options options_;
  std::shared_ptr<class S3BucketRegions> regions_;
};

// Where a part of a multipart upload is: at least `configured` and S3's minimum of 5 MiB, and larger the later, so that
// 10,000 parts are enough for S3's largest object, whose size need not be known at the beginning.
struct PartPlace {
  std::uint64_t offset = 0, size = 0;
};
PartPlace multipart_part(std::size_t index, std::uint64_t configured) noexcept;

}  // namespace penstock::aws
