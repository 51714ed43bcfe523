// One object under upload: its address, its credentials and its file. Private to the S3 client.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/aws/s3.h"
#include "core/base/digest.h"
#include "core/base/handle.h"

namespace penstock::aws {

// Regions of buckets as redirects told them. Thread-safe, bounded.
class S3BucketRegions {
 public:
  std::optional<std::string> find(const std::string& bucket) const;
  void remember(const std::string& bucket, std::string region);

 private:
  static constexpr std::size_t kMaxEntries = 1000;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> regions_;
};

// A file opened for reading; its size is that at opening, or what it was said to have since. Thread-safe: all reads are
// positioned.
class SourceFile {
 public:
  explicit SourceFile(const std::filesystem::path& path);
  std::uint64_t size() const noexcept { return size_; }
  void set_size(std::uint64_t bytes) noexcept { size_ = bytes; }
  // Whether the path leads to this file, which may have been renamed.
  bool is_at(const std::filesystem::path& path) const noexcept;
  // Fills the buffer from `offset`, less only at the end of the file. Error{kCorrupt} when the file became shorter.
  std::size_t read(std::uint64_t offset, char* buffer, std::size_t capacity) const;
  // Raw SHA-256 of a range; `also` is fed with the same bytes.
  std::string sha256(std::uint64_t offset, std::uint64_t length, const std::stop_token& stop, Hasher* also) const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  std::atomic<std::uint64_t> size_ = 0;
};

// A range of a file as the body of a request. Serves one request at a time.
class FileRange {
 public:
  FileRange(const SourceFile& file, std::uint64_t offset, std::uint64_t length);
  FileRange(const FileRange&) = delete;
  FileRange& operator=(const FileRange&) = delete;
  const http::BodySource* source() const noexcept { return &source_; }

 private:
  std::uint64_t position_ = 0;
  http::BodySource source_;
};

// The call is given address, credentials, deadline and attempts; a region redirect is followed once. Thread-safe.
http::Response send_to_s3(Client& client, const S3Options& options, S3BucketRegions& regions, const std::string& bucket,
                          const std::string& key, CredentialsProvider* credentials, Client::Call call);

class S3Object {
 public:
  S3Object(Client& client, const S3Options& options, S3BucketRegions& regions, const UploadRequest& request)
      : client_(client), options_(options), regions_(regions), request_(request) {}

  const UploadRequest& request() const noexcept { return request_; }
  const S3Options& options() const noexcept { return options_; }
  http::Response send(Client::Call call) const {
    return send_to_s3(client_, options_, regions_, request_.bucket, request_.key, request_.credentials,
                      std::move(call));
  }
  // x-amz-server-side-encryption and its key, for calls that create objects.
  void add_encryption(http::Headers& headers) const;

 private:
  Client& client_;
  const S3Options& options_;
  S3BucketRegions& regions_;
  const UploadRequest& request_;
};

// Everything from CreateMultipartUpload to CompleteMultipartUpload, with AbortMultipartUpload when it does not come to
// that. One thread hashes, part after part as they are written, others send what is hashed. The first failure ends all.
class MultipartUpload {
 public:
  // Both must outlive it.
  MultipartUpload(const S3Object& object, SourceFile& file);
  ~MultipartUpload();

  // The file's first bytes that will not change. Any thread.
  void grow(std::uint64_t bytes) noexcept;
  // The file is complete. Blocks.
  UploadResult finish();

 private:
  struct Part {
    std::size_t index = 0;
    PartPlace place;
    std::string sha256;  // hex
  };
  void hash_parts();
  void send_parts() noexcept;
  std::string send(const Part& part);
  void fail(std::exception_ptr failure) noexcept;
  void join() noexcept;

  const S3Object& object_;
  SourceFile& file_;
  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> forward_stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::uint64_t available_ = 0;
  bool complete_ = false, all_hashed_ = false;
  std::deque<Part> hashed_;
  std::exception_ptr failure_;
  std::vector<std::string> etags_;
  std::string upload_id_;  // empty = not created
  // Of the hashing thread, until it has ended:
  std::string sha256_;
  std::vector<std::thread> senders_;
  std::thread hasher_;
};

}  // namespace penstock::aws
