#include <algorithm>
#include <utility>

#include "core/aws/s3_object.h"
#include "core/aws/xml.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

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

MultipartUpload::MultipartUpload(const S3Object& object, SourceFile& file)
    : object_(object), file_(file), forward_stop_(object.request().stop, [this] { stop_.request_stop(); }) {
  hasher_ = std::thread([this] {
    try {
      hash_parts();
    } catch (...) {
      fail(std::current_exception());
    }
  });
}

MultipartUpload::~MultipartUpload() {
  fail(nullptr);
  join();
  if (!upload_id_.empty()) abort(object_, upload_id_);
}

void MultipartUpload::grow(std::uint64_t bytes) noexcept {
  {
    std::lock_guard guard(mutex_);
    available_ = bytes;
    file_.set_size(bytes);
  }
  changed_.notify_all();
}

UploadResult MultipartUpload::finish() {
  {
    std::lock_guard guard(mutex_);
    complete_ = true;
  }
  changed_.notify_all();
  join();
  if (failure_) std::rethrow_exception(failure_);
  const http::Response response = complete(object_, upload_id_, etags_, available_);
  upload_id_.clear();
  UploadResult result;
  result.sha256 = sha256_;
  result.bytes = available_;
  result.version_id = std::string(response.headers.find("x-amz-version-id").value_or(""));
  result.parts = static_cast<int>(etags_.size());
  return result;
}

void MultipartUpload::hash_parts() {
  std::string upload_id = create(object_);
  const auto count = static_cast<std::size_t>(std::max(1, object_.options().parallel_parts));
  std::unique_lock lock(mutex_);
  upload_id_ = std::move(upload_id);
  Hasher whole(HashAlgorithm::kSha256);
  for (Part part;; ++part.index) {
    part.place = multipart_part(part.index, object_.options().part_size);
    const std::uint64_t end = part.place.offset + part.place.size;
    changed_.wait(
        lock, [&] { return stop_.stop_requested() || (hashed_.size() < count && (complete_ || available_ >= end)); });
    if (stop_.stop_requested()) {
      if (!failure_) failure_ = std::make_exception_ptr(Error(ErrorKind::kCancelled, "stopped"));
      break;
    }
    if (part.place.offset >= available_) break;
    part.place.size = std::min(part.place.size, available_ - part.place.offset);
    lock.unlock();
    part.sha256 = to_hex(file_.sha256(part.place.offset, part.place.size, stop_.get_token(), &whole));
    lock.lock();
    hashed_.push_back(part);
    etags_.emplace_back();
    if (senders_.size() < count) senders_.emplace_back([this] { send_parts(); });  // as long as there are parts for it
    changed_.notify_all();
  }
  sha256_ = to_hex(whole.finish());
  all_hashed_ = true;
  changed_.notify_all();
}

void MultipartUpload::send_parts() noexcept {
  try {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stop_.stop_requested() || all_hashed_ || !hashed_.empty(); });
      if (stop_.stop_requested() || hashed_.empty()) return;
      const Part part = std::move(hashed_.front());
      hashed_.pop_front();
      lock.unlock();
      changed_.notify_all();
      std::string etag = send(part);
      lock.lock();
      etags_[part.index] = std::move(etag);
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

std::string MultipartUpload::send(const Part& part) {
  const FileRange body(file_, part.place.offset, part.place.size);
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

void MultipartUpload::fail(std::exception_ptr failure) noexcept {
  {
    std::lock_guard guard(mutex_);
    if (!failure_) failure_ = std::move(failure);
    stop_.request_stop();
  }
  changed_.notify_all();
}

void MultipartUpload::join() noexcept {
  if (hasher_.joinable()) hasher_.join();  // it starts the others
  for (std::thread& sender : senders_) {
    if (sender.joinable()) sender.join();
  }
}

}  // namespace penstock::aws
