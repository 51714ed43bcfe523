#include "core/aws/s3_object.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/aws/endpoint.h"
#include "core/aws/s3_address.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

// An artifact that took minutes to make is worth more attempts than a poll.
constexpr int kMinAttempts = 5;

bool is_redirect(const http::Response& response) {
  return response.status == 301 || response.status == 302 || response.status == 307 || response.status == 308 ||
         (response.status == 400 && response.body.find("AuthorizationHeaderMalformed") != std::string::npos);
}

}  // namespace

std::optional<std::string> S3BucketRegions::find(const std::string& bucket) const {
  std::lock_guard guard(mutex_);
  const auto found = regions_.find(bucket);
  return found == regions_.end() ? std::nullopt : std::optional(found->second);
}

void S3BucketRegions::remember(const std::string& bucket, std::string region) {
  std::lock_guard guard(mutex_);
  if (regions_.size() >= kMaxEntries && !regions_.contains(bucket)) regions_.clear();
  regions_[bucket] = std::move(region);
}

SourceFile::SourceFile(const std::filesystem::path& path)
    : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!fd_) throw_errno("opening " + in_quotes(path.string()), errno);
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw_errno("reading " + in_quotes(path.string()), errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::kInvalidInput, "opening " + in_quotes(path.string()) + ": it is not a regular file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

bool SourceFile::is_at(const std::filesystem::path& path) const noexcept {
  struct stat ours {
  }, theirs{};
  return ::fstat(fd_.get(), &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_dev == theirs.st_dev &&
         ours.st_ino == theirs.st_ino;
}

std::size_t SourceFile::read(std::uint64_t offset, char* buffer, std::size_t capacity) const {
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size() - std::min(size(), offset)));
  std::size_t filled = 0;
  while (filled < wanted) {
    const ssize_t count = ::pread(fd_.get(), buffer + filled, wanted - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("reading " + in_quotes(path_.string()), errno);
    if (count == 0) {
      throw Error(ErrorKind::kCorrupt, "reading " + in_quotes(path_.string()) + ": it became shorter meanwhile");
    }
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

std::string SourceFile::sha256(std::uint64_t offset, std::uint64_t length, const std::stop_token& stop,
                               Hasher* also) const {
  Hasher hasher(HashAlgorithm::kSha256);
  std::vector<char> buffer(static_cast<std::size_t>(std::clamp<std::uint64_t>(length, 1, 256u << 10)));
  for (const std::uint64_t end = offset + length; offset < end;) {
    if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "reading " + in_quotes(path_.string()) + ": stopped");
    const std::size_t count =
        read(offset, buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - offset)));
    hasher.update({buffer.data(), count});
    if (also != nullptr) also->update({buffer.data(), count});
    offset += count;
  }
  return hasher.finish();
}

FileRange::FileRange(const SourceFile& file, std::uint64_t offset, std::uint64_t length) {
  source_.size = length;
  source_.rewind = [this] { position_ = 0; };
  source_.read = [this, &file, offset, length](char* buffer, std::size_t capacity) {
    const std::size_t count = file.read(
        offset + position_, buffer, static_cast<std::size_t>(std::min<std::uint64_t>(capacity, length - position_)));
    position_ += count;
    return count;
  };
}

http::Response send_to_s3(Client& client, const S3Options& options, S3BucketRegions& regions, const std::string& bucket,
                          const std::string& key, CredentialsProvider* credentials, Client::Call call) {
  call.credentials = credentials;
  call.return_failures = true;
  if (call.timeout.count() == 0) call.timeout = options.timeout_per_request;
  if (call.max_attempts == 0) call.max_attempts = std::max(kMinAttempts, client.options().max_attempts);
  for (bool redirected = false;; redirected = true) {
    const Endpoint& home = client.options().endpoint;
    const auto known = regions.find(bucket);
    const Endpoint service = known ? in_region(home, "s3", *known) : home;
    S3Address address =
        address_s3_object(service, bucket, key, options.force_path_style ? S3Style::kPath : S3Style::kAutomatic);
    call.endpoint = std::move(address.endpoint);
    call.path = std::move(address.path);
    http::Response response = client.send(call);
    if (response.status >= 200 && response.status < 300) return response;
    const auto region = is_redirect(response) ? redirect_region(response) : std::nullopt;
    if (redirected || !region || *region == service.region) throw client.failure(call, response);
    regions.remember(bucket, *region);
  }
}

void S3Object::add_encryption(http::Headers& headers) const {
  const std::string& encryption = request_.encryption;
  if (encryption == "none") return;
  if (encryption != "aws:kms" && encryption != "aws:kms:dsse" && encryption != "AES256") {
    throw Error(
        ErrorKind::kConfiguration,
        "encrypting an S3 object: expected aws:kms, aws:kms:dsse, AES256 or none, found " + in_quotes(encryption));
  }
  headers.add("x-amz-server-side-encryption", encryption);
  if (encryption != "AES256" && !request_.kms_key_id.empty()) {
    headers.add("x-amz-server-side-encryption-aws-kms-key-id", request_.kms_key_id);
  }
}

}  // namespace penstock::aws
