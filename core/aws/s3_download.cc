#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/aws/s3.h"
#include "core/aws/s3_object.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/retry.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxFruitless = 5;  // attempts one after another that brought nothing
constexpr int kMaxRestarts = 2;   // from the first byte
constexpr BackoffPolicy kBackoff{milliseconds(200), milliseconds(5000)};

std::string text_of(const http::Response& response, std::string_view header) {
  return std::string(response.headers.find(header).value_or(""));
}

struct ContentRange {
  std::uint64_t first = 0, total = 0;
};
// "bytes 7-99/100"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const std::size_t dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = parse_unsigned(text.substr(0, dash));
  const auto total = parse_unsigned(text.substr(slash + 1));
  if (!first || !total) return std::nullopt;
  return ContentRange{*first, *total};
}

// The MD5 of the object, when its ETag is one: not for multipart uploads, nor when a KMS key encrypts it.
std::string md5_of(const http::Response& head) {
  std::string etag = text_of(head, "ETag");
  if (etag.size() != 34 || etag.front() != '"' || etag.back() != '"') return {};
  const std::string encryption = text_of(head, "x-amz-server-side-encryption");
  if (!encryption.empty() && encryption != "AES256") return {};
  if (head.headers.find("x-amz-server-side-encryption-customer-algorithm")) return {};
  etag = to_lower(etag.substr(1, 32));
  return from_hex(etag) ? etag : std::string();
}

// The SHA-256 of the whole object in base64, when it was stored with one; that of a multipart upload is of its parts.
std::string sha256_of(const http::Response& head) {
  const std::string checksum = text_of(head, "x-amz-checksum-sha256");
  const bool is_whole = checksum.find('-') == std::string::npos &&
                        !equals_ignoring_case(text_of(head, "x-amz-checksum-type"), "COMPOSITE");
  return is_whole ? checksum : std::string();
}

bool is_worth_repeating(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kTimeout ||
         error.kind() == ErrorKind::kRateLimited;
}

class Download {
 public:
  Download(Client& client, const S3Options& options, S3BucketRegions& regions, const DownloadRequest& request)
      : client_(client),
        options_(options),
        regions_(regions),
        request_(request),
        fd_(::open(request.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)) {
    if (!fd_) throw_errno("writing " + in_quotes(request.file.native()), errno);
  }
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  ~Download() {
    if (!done_) ::unlink(request_.file.c_str());
  }

  DownloadResult run() {
    int fruitless = 0, restarts = 0;
    while (true) {
      const std::uint64_t before = received_;
      try {
        fetch();
        return finish();
      } catch (const Error& error) {
        const bool changed = error.code() == "PreconditionFailed" || error.kind() == ErrorKind::kCorrupt;
        if (changed && restarts < kMaxRestarts) {
          ++restarts;
          restart();
          continue;
        }
        if (changed || !is_worth_repeating(error) || time_left() <= milliseconds(0)) throw;
        fruitless = received_ > before ? 1 : fruitless + 1;
        if (fruitless >= kMaxFruitless) throw;
        if (etag_.empty()) restart();
      }
      client_.options().sleep(std::min(retry_delay(kBackoff, fruitless, random_unit()), time_left()), request_.stop);
    }
  }

 private:
  milliseconds time_left() const {
    if (!request_.deadline) return milliseconds::max();
    return std::chrono::duration_cast<milliseconds>(*request_.deadline - steady_clock::now());
  }

  void fetch() {
    if (request_.stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
    const milliseconds left = time_left();
    if (left <= milliseconds(0)) throw Error(ErrorKind::kTimeout, "its time is up");
    Client::Call call{.name = "GetObject", .method = "GET"};
    if (received_ > 0) {
      call.headers.add("Range", "bytes=" + std::to_string(received_) + "-");
      call.headers.add("If-Match", etag_);
    } else {
      call.headers.add("x-amz-checksum-mode", "ENABLED");
    }
    call.timeout = std::min(options_.timeout_per_request, left);
    call.max_response_bytes = std::numeric_limits<std::size_t>::max();  // counted here
    call.stop = request_.stop;
    bool head_seen = false;
    call.on_head = [&](const http::Response& head) {
      head_seen = true;
      take_head(head);
    };
    call.on_body = [this](std::string_view piece) { take(piece); };
    const http::Response response =
        send_to_s3(client_, options_, regions_, request_.bucket, request_.key, request_.credentials, std::move(call));
    if (!head_seen) take_head(response);  // an empty body
    if (total_ && received_ != *total_) {
      throw Error(ErrorKind::kUnavailable,
                  "it ended after " + std::to_string(received_) + " of " + std::to_string(*total_) + " bytes");
    }
  }

  void take_head(const http::Response& head) {
    if (head.status == 206) {
      const auto range = parse_content_range(text_of(head, "Content-Range"));
      if (!range || range->first != received_ || (total_ && range->total != *total_) ||
          text_of(head, "ETag") != etag_) {
        throw Error(ErrorKind::kCorrupt, "the answer is not the rest that was asked for");
      }
      return;
    }
    restart();  // the whole object, asked for or not
    etag_ = text_of(head, "ETag");
    result_.etag = etag_;
    result_.version_id = text_of(head, "x-amz-version-id");
    sha256_ = sha256_of(head);
    md5_ = md5_of(head);
    if (!md5_.empty()) start_md5();
    total_ = parse_unsigned(text_of(head, "Content-Length"));
    if (total_) check_size(*total_);
  }

  void start_md5() {
    try {
      md5_hasher_.emplace(HashAlgorithm::kMd5);
    } catch (const Error&) {
      md5_.clear();  // the system's OpenSSL is not allowed to
    }
  }

  void check_size(std::uint64_t bytes) const {
    if (bytes <= request_.max_bytes) return;
    throw Error(ErrorKind::kExhausted, "it has more than the " + std::to_string(request_.max_bytes) +
                                           " bytes that are allowed" +
                                           (total_ ? " (" + std::to_string(*total_) + ")" : std::string()));
  }

  void take(std::string_view piece) {
    check_size(received_ + piece.size());
    hasher_.update(piece);
    if (md5_hasher_) md5_hasher_->update(piece);
    received_ += piece.size();
    while (!piece.empty()) {
      const ssize_t written = ::write(fd_.get(), piece.data(), piece.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_errno("writing " + in_quotes(request_.file.native()), errno);
      piece.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void restart() {
    if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0) {
      throw_errno("writing " + in_quotes(request_.file.native()), errno);
    }
    received_ = 0;
    total_.reset();
    etag_.clear();
    hasher_ = Hasher(HashAlgorithm::kSha256);
    md5_hasher_.reset();
  }

  DownloadResult finish() {
    const std::string digest = hasher_.finish();
    const bool wrong_sha256 = !sha256_.empty() && to_base64(digest) != sha256_;
    if (wrong_sha256 || (!md5_.empty() && to_hex(md5_hasher_->finish()) != md5_)) {
      throw Error(ErrorKind::kCorrupt, "its bytes do not have the checksum that S3 tells");
    }
    done_ = true;
    result_.bytes = received_;
    result_.sha256 = to_hex(digest);
    result_.checked = !sha256_.empty() || !md5_.empty();
    return std::move(result_);
  }

  Client& client_;
  const S3Options& options_;
  S3BucketRegions& regions_;
  const DownloadRequest& request_;
  const UniqueFd fd_;
  bool done_ = false;
  // Of the object as far as it was received:
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> total_;
  std::string etag_, sha256_, md5_;
  Hasher hasher_{HashAlgorithm::kSha256};
  std::optional<Hasher> md5_hasher_;
  DownloadResult result_;
};

}  // namespace

DownloadResult S3Client::download_file(const DownloadRequest& request) {
  try {
    return Download(*client_, options_, *regions_, request).run();
  } catch (const Error& error) {
    throw error.with_context("downloading " + in_quotes(request.bucket + "/" + request.key));
  }
}

}  // namespace penstock::aws
