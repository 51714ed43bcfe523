// Git LFS's batch API as pure functions: addresses, the question, the answer, and what a refusal means. Private to this
// module. Source: docs/api/{server-discovery,batch,basic-transfers}.md of git-lfs.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/git/lfs_pointer.h"
#include "core/git/remote.h"
#include "core/http/transport.h"
#include "core/http/url.h"

namespace penstock::git {

// "https://host/path.git/info/lfs/objects/batch". Azure DevOps has it below the clone address as it is, also when that
// does not end in ".git"; the others always below one that does. The remote's scheme is https or http.
std::string lfs_batch_url(const Remote& remote);

// `ref` is a full name, or empty.
std::string make_lfs_question(std::span<const LfsPointer> pointers, std::string_view ref);

// Where to get one object.
struct LfsAction {
  std::string url;
  http::Headers headers;  // without those that are ours alone to set
  std::optional<std::chrono::milliseconds> valid_for;
};

// What the server says of one object: an action, or an error, or neither (which it may not).
struct LfsOffer {
  std::string oid;
  std::optional<LfsAction> download;
  int error_code = 0;
  std::string error_message;  // the server's, as it came
};

// Error{kUnavailable, "LfsProtocol"} for what is no answer to a question for downloads; kConfiguration when the server
// wants another way of transfer or another hash.
std::vector<LfsOffer> parse_lfs_answer(std::string_view body, Timestamp now);

// The server's own word for its refusal: `message` of a JSON object, else the first line of a text. Unmasked.
std::string lfs_server_message(const http::Response& response);

struct LfsVerdict {
  enum class Next {
    kUse,       // the answer is one
    kFail,      // `error` goes to the caller
    kRetry,     // `error` may pass
    kSplit,     // the question was too long
    kFollow,    // a redirect (downloads only)
    kAskAgain,  // the action may have expired (downloads only)
    kRestart,   // what is here is of no use for the rest (downloads only)
  };
  Next next = Next::kUse;
  ErrorKind kind = ErrorKind::kUnavailable;
  std::string_view code = {};
  std::string cause = {};  // for the message, without the server's own words
};

LfsVerdict judge_lfs_answer(const http::Response& response, bool had_credential);
LfsVerdict judge_lfs_download(int status, bool had_credential);

// Retry-After, in seconds or as a date.
std::optional<std::chrono::milliseconds> lfs_retry_hint(const http::Headers& headers, Timestamp now);

// A page to log in at, as Azure DevOps redirects to without a valid token.
bool is_sign_in_address(const http::Url& url) noexcept;

// The start of a web page where a file was expected.
bool looks_like_web_page(std::string_view head) noexcept;

// RFC 3986 section 5, as far as redirects need it. Empty for what is no http(s) address.
std::optional<http::Url> resolve_location(const http::Url& base, std::string_view location);

}  // namespace penstock::git
