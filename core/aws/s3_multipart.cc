#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "core/aws/s3_object.h"
#include "core/aws/xml.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

struct Part {
  std::size_t index = 0;
  std::uint64_t offset = 0, length = 0;
  std::string sha256;  // hex
};

// The calling thread hashes, part after part; the uploading threads take what is hashed. The first failure ends all.
class PartUploads {
 public:
  PartUploads(const S3Object& object, const SourceFile& file, std::string upload_id)
      : object_(object),
        file_(file),
        upload_id_(std::move(upload_id)),
        part_size_(multipart_part_size(file.size(), object.options().part_size)),
        etags_(static_cast<std::size_t>((file.size() + part_size_ - 1) / part_size_)) {}

  // The SHA-256 of the whole file, hex.
  std::string run() {
    const std::stop_callback forward(object_.request().stop, [this] { stop_.request_stop(); });
    const std::size_t count =
        std::min(etags_.size(), static_cast<std::size_t>(std::max(1, object_.options().parallel_parts)));
    std::vector<std::thread> threads;
    std::string digest;
    try {
      for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([this] { upload_hashed_parts(); });
      }
      digest = hash_parts(count);
    } catch (...) {
      fail(std::current_exception());
    }
    {
      std::lock_guard guard(mutex_);
      all_hashed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    return digest;
  }

  const std::vector<std::string>& etags() const { return etags_; }

 private:
  std::string hash_parts(std::size_t ahead) {
    Hasher whole(HashAlgorithm::kSha256);
    for (std::size_t index = 0; index < etags_.size(); ++index) {
      Part part{.index = index, .offset = index * part_size_, .length = 0, .sha256 = {}};
      part.length = std::min(part_size_, file_.size() - part.offset);
      part.sha256 = to_hex(file_.sha256(part.offset, part.length, stop_.get_token(), &whole));
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return failure_ || hashed_.size() < ahead; });
      if (failure_) break;
      hashed_.push_back(std::move(part));
      lock.unlock();
      changed_.notify_all();
    }
    return to_hex(whole.finish());
  }

  void upload_hashed_parts() noexcept {
    try {
      for (;;) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return failure_ || all_hashed_ || !hashed_.empty(); });
        if (failure_ || hashed_.empty()) return;
        const Part part = std::move(hashed_.front());
        hashed_.pop_front();
        lock.unlock();
        changed_.notify_all();
        std::string etag = upload(part);
        lock.lock();
        etags_[part.index] = std::move(etag);
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  std::string upload(const Part& part) {
    const FileRange body(file_, part.offset, part.length);
    Client::Call call{.name = "UploadPart", .method = "PUT"};
    call.query = "partNumber=" + std::to_string(part.index + 1) + "&uploadId=" + percent_encode(upload_id_);
    call.body_source = body.source();
    call.payload_sha256 = part.sha256;
    call.stop = stop_.get_token();
    const http::Response response = object_.send(std::move(call));
    const auto etag = response.headers.find("etag");
    if (!etag || etag->empty()) {
      throw Error(ErrorKind::kUnavailable,
                  "uploading part " + std::to_string(part.index + 1) + ": the answer has no ETag");
    }
    return std::string(*etag);
  }

  void fail(std::exception_ptr failure) noexcept {
    {
      std::lock_guard guard(mutex_);
      if (!failure_) failure_ = std::move(failure);
    }
    stop_.request_stop();
    changed_.notify_all();
  }

  const S3Object& object_;
  const SourceFile& file_;
  const std::string upload_id_;
  const std::uint64_t part_size_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Part> hashed_;
  bool all_hashed_ = false;
  std::exception_ptr failure_;
  std::vector<std::string> etags_;
};

std::string create(const S3Object& object) {
  Client::Call call{.name = "CreateMultipartUpload", .method = "POST", .path = "/", .query = "uploads"};
  call.headers.add("Content-Type", object.request().content_type);
  object.add_encryption(call.headers);
  call.stop = object.request().stop;
  const http::Response response = object.send(std::move(call));
  auto id = find_xml_text(response.body, "InitiateMultipartUploadResult/UploadId");
  if (!id || id->empty()) {
    throw Error(ErrorKind::kUnavailable, "starting a multipart upload: the answer has no UploadId");
  }
  return std::move(*id);
}

// S3 begins its answer before it knows the outcome, so an error can come with status 200.
std::string error_in_success(const http::Response& response) {
  if (xml_root(response.body) != "Error") return "";
  const std::string code = find_xml_text(response.body, "Error/Code").value_or("");
  return code.empty() ? "InternalError" : code;
}

bool object_has_size(const S3Object& object, std::uint64_t size) {
  try {
    Client::Call call{.name = "HeadObject", .method = "HEAD"};
    call.stop = object.request().stop;
    const http::Response response = object.send(std::move(call));
    const auto length = response.headers.find("content-length");
    return length && parse_unsigned(*length) == size;
  } catch (const Error&) {
    return false;
  }
}

http::Response complete(const S3Object& object, const std::string& upload_id, const std::vector<std::string>& etags,
                        std::uint64_t size) {
  Client::Call call{.name = "CompleteMultipartUpload", .method = "POST"};
  call.query = "uploadId=" + percent_encode(upload_id);
  call.headers.add("Content-Type", "application/xml");
  call.body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    call.body +=
        "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + escape_xml(etags[i]) + "</ETag></Part>";
  }
  call.body += "</CompleteMultipartUpload>";
  call.error_code = error_in_success;
  call.stop = object.request().stop;
  try {
    return object.send(std::move(call));
  } catch (const Error& error) {
    // The upload is gone because an attempt whose answer was lost has completed it.
    if (error.code() == "NoSuchUpload" && error.may_have_happened() && object_has_size(object, size)) return {};
    throw;
  }
}

void abort(const S3Object& object, const std::string& upload_id) noexcept {
  try {
    Client::Call call{.name = "AbortMultipartUpload", .method = "DELETE"};
    call.query = "uploadId=" + percent_encode(upload_id);
    call.timeout = std::chrono::seconds(15);
    call.max_attempts = 2;
    object.send(std::move(call));
  } catch (const std::exception&) {
    // The failure that led here matters more; a session policy may forbid aborting, and buckets expire uploads.
  }
}

}  // namespace

UploadResult upload_in_parts(const S3Object& object, const SourceFile& file) {
  const std::string upload_id = create(object);
  try {
    PartUploads parts(object, file, upload_id);
    UploadResult result;
    result.sha256 = parts.run();
    const http::Response response = complete(object, upload_id, parts.etags(), file.size());
    result.bytes = file.size();
    result.version_id = std::string(response.headers.find("x-amz-version-id").value_or(""));
    result.parts = static_cast<int>(parts.etags().size());
    return result;
  } catch (...) {
    abort(object, upload_id);
    throw;
  }
}

}  // namespace penstock::aws
