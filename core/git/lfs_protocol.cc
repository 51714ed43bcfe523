#include "core/git/lfs_protocol.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/git/fetch_errors.h"
#include "core/json/document.h"
#include "core/json/json.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Next = LfsVerdict::Next;

constexpr std::size_t kMaxAnswerBytes = 8u << 20;
constexpr std::size_t kMaxAnswerDepth = 16;
constexpr std::size_t kMaxUrlBytes = 16u << 10;
constexpr std::size_t kMaxActionHeaders = 64;
constexpr std::int64_t kMaxLifetimeSeconds = 2'147'483'647;

bool is_azure(const Remote& remote) {
  return remote.host == "dev.azure.com" || remote.host.ends_with(".visualstudio.com") ||
         remote.path.find("/_git/") != std::string::npos;
}

[[noreturn]] void refuse_answer(const std::string& cause) {
  throw Error(ErrorKind::kUnavailable, "reading the answer of the LFS server: " + cause).with_code("LfsProtocol");
}

// What belongs to the connection or to the shape of our request is not the server's to set.
bool is_ours(std::string_view name) {
  static constexpr std::array kOurs = {"host",    "connection", "content-length", "transfer-encoding", "te",
                                       "trailer", "upgrade",    "keep-alive",     "accept-encoding",   "range",
                                       "expect"};
  const std::string lower = to_lower(name);
  return lower.starts_with("proxy-") ||
         std::any_of(kOurs.begin(), kOurs.end(), [&](std::string_view ours) { return lower == ours; });
}

// Preferring the lifetime, which does not depend on two clocks agreeing.
std::optional<milliseconds> lifetime(json::Value action, Timestamp now) {
  if (const auto in = action.find("expires_in"); in && in->integer() && *in->integer() != 0)
    return seconds(std::clamp<std::int64_t>(*in->integer(), 0, kMaxLifetimeSeconds));
  const auto at = action.find("expires_at");
  const auto text = at ? at->string() : std::nullopt;
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  // Servers that know no expiry write the year 1.
  if (!time || *time < from_milliseconds(0)) return std::nullopt;
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(*time - now));
}

LfsAction read_action(json::Value value, Timestamp now) {
  LfsAction action;
  const auto href = value.find("href");
  const auto url = href ? href->string() : std::nullopt;
  if (!url || url->empty() || url->size() > kMaxUrlBytes) refuse_answer("an action has no usable `href`");
  action.url = *url;
  const auto header = value.find("header");
  if (header && header->size() > kMaxActionHeaders) refuse_answer("an action has too many header fields");
  if (header) {
    header->for_each_member([&](std::string_view name, json::Value field) {
      const auto text = field.string();
      if (text && !is_ours(name)) action.headers.set(name, std::string(*text));
    });
  }
  action.valid_for = lifetime(value, now);
  return action;
}

bool is_transient_status(int status) noexcept {
  return status == 408 || status == 425 || status == 429 ||
         (status >= 500 && status != 501 && status != 505 && status != 507 && status != 509);
}

LfsVerdict transient(int status) {
  if (status == 429) return {Next::kRetry, ErrorKind::kRateLimited, "RateLimited", "the server asks to slow down"};
  return {Next::kRetry, ErrorKind::kUnavailable, "ServerFault",
          "the server failed with HTTP " + std::to_string(status)};
}

LfsVerdict sign_in_page() {
  return {
      Next::kFail, ErrorKind::kUnauthenticated, "SignInPage",
      "the server answered with a web page in place of LFS; Azure DevOps does that when the token is missing, wrong "
      "or expired, other servers when there is no LFS at this address"};
}

LfsVerdict unauthenticated(bool had_credential) {
  return {Next::kFail, ErrorKind::kUnauthenticated, "Unauthenticated",
          had_credential
              ? "the credential was refused; check that the token is right, has not expired or been revoked, "
                "and may read code (PAT scope Code: Read)"
              : "the server asks for a login and no credential is configured; set `credentials` of the "
                "worker"};
}

LfsVerdict forbidden() {
  return {Next::kFail, ErrorKind::kPermission, "Forbidden",
          "the credential may not read this repository's LFS objects; grant it Read on the repository (PAT scope Code: "
          "Read)"};
}

}  // namespace

std::string lfs_batch_url(const Remote& remote) {
  std::string url = remote.normalized();
  if (!is_azure(remote) && !url.ends_with(".git")) url += ".git";
  return url + "/info/lfs/objects/batch";
}

std::string make_lfs_question(std::span<const LfsPointer> pointers, std::string_view ref) {
  json::Json question = json::Json::object();
  question["operation"] = "download";
  question["transfers"] = json::Json::array({"basic"});
  if (!ref.empty()) question["ref"] = {{"name", ref}};
  question["objects"] = json::Json::array();
  for (const LfsPointer& pointer : pointers)
    question["objects"].push_back({{"oid", pointer.oid}, {"size", pointer.size}});
  question["hash_algo"] = "sha256";
  return json::dump(question);
}

std::vector<LfsOffer> parse_lfs_answer(std::string_view body, Timestamp now) {
  const auto document = [&] {
    try {
      return json::Document::parse(body, {.max_bytes = kMaxAnswerBytes, .max_depth = kMaxAnswerDepth});
    } catch (const Error& error) {
      refuse_answer(error.what());
    }
  }();
  const json::Value root = document.root();
  const auto text = [&](std::string_view member) -> std::string_view {
    const auto value = root.find(member);
    return value ? value->string().value_or("") : "";
  };
  for (const auto& [member, known] :
       {std::pair<std::string_view, std::string_view>{"transfer", "basic"}, {"hash_algo", "sha256"}}) {
    if (text(member).empty() || text(member) == known) continue;
    throw Error(ErrorKind::kConfiguration, "reading the answer of the LFS server: it insists on the " +
                                               std::string(member) + " " + in_quotes(text(member)) + ", only " +
                                               in_quotes(known) + " is known here")
        .with_code("LfsProtocol");
  }
  const auto objects = root.find("objects");
  if (!objects || objects->type() != json::Type::kArray) refuse_answer("it lists no objects");

  std::vector<LfsOffer> offers;
  objects->for_each_element([&](json::Value object) {
    LfsOffer offer;
    const auto oid = object.find("oid");
    offer.oid = oid ? std::string(oid->string().value_or("")) : "";
    if (offer.oid.empty()) return;
    if (const auto error = object.find("error"); error && error->type() == json::Type::kObject) {
      const auto code = error->find("code");
      const auto number = code ? code->integer().value_or(0) : 0;
      offer.error_code = number > 0 && number < 1000 ? static_cast<int>(number) : 1;
      if (const auto message = error->find("message")) offer.error_message = message->string().value_or("");
    } else if (const auto actions = object.find("actions")) {
      if (const auto download = actions->find("download"); download && download->type() == json::Type::kObject)
        offer.download = read_action(*download, now);
    }
    offers.push_back(std::move(offer));
  });
  return offers;
}

std::string lfs_server_message(const http::Response& response) {
  const std::string_view body = trim(response.body);
  if (body.empty() || looks_like_web_page(body)) return "";
  if (body.front() != '{') return std::string(body.substr(0, std::min<std::size_t>(body.find('\n'), 400)));
  try {
    const auto document = json::Document::parse(body, {.max_bytes = 64u << 10, .max_depth = kMaxAnswerDepth});
    const auto message = document.root().find("message");
    return message ? std::string(message->string().value_or("")) : "";
  } catch (const Error&) {
    return "";
  }
}

LfsVerdict judge_lfs_answer(const http::Response& response, bool had_credential) {
  const int status = response.status;
  const std::string type = to_lower(response.headers.find("content-type").value_or(""));
  if (status == 200) return type.starts_with("text/html") ? sign_in_page() : LfsVerdict{};
  if (status == 203 || status == 302 || status == 303) return sign_in_page();
  if (status >= 300 && status < 400) {
    const auto location = http::parse_url(trim(response.headers.find("location").value_or("")));
    if (location && is_sign_in_address(*location)) return sign_in_page();
    return {Next::kFail, ErrorKind::kConfiguration, "Moved",
            "the server redirects to " +
                (location ? in_quotes(location->origin() + location->path) : "another address") +
                ", which is not followed with a credential; set the remote to the new address"};
  }
  if (is_transient_status(status)) return transient(status);
  switch (status) {
    case 401:
      return unauthenticated(had_credential);
    case 403:
      return forbidden();
    case 404:
      return {Next::kFail, ErrorKind::kNotFound, "LfsNotFound",
              "the server has no LFS for this repository, or hides it from this credential; check that LFS is switched "
              "on there and the credential's access"};
    case 413:
      return {Next::kSplit, ErrorKind::kUnavailable, "LfsProtocol", "the server takes no question of this length"};
    case 422:
      return {Next::kFail, ErrorKind::kInvalidInput, "LfsProtocol", "the server finds the pointers invalid"};
    case 507:
    case 509:
      return {Next::kFail, ErrorKind::kRateLimited, "RateLimited",
              "the repository has used up its share of the server's storage or bandwidth"};
    default:
      return {Next::kFail, ErrorKind::kConfiguration, "LfsProtocol",
              "HTTP " + std::to_string(status) + "; the server does not speak LFS's batch API at this address"};
  }
}

LfsVerdict judge_lfs_download(int status, bool had_credential) {
  if (status == 200 || status == 206) return {};
  if (status == 203) return sign_in_page();
  if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) return {Next::kFollow};
  if (status == 416) return {Next::kRestart, ErrorKind::kUnavailable, "LfsProtocol", "the server refused the rest"};
  if (is_transient_status(status)) return transient(status);
  LfsVerdict verdict;
  switch (status) {
    case 401:
      verdict = unauthenticated(had_credential);
      break;
    case 403:
      verdict = {Next::kFail, ErrorKind::kPermission, "Forbidden", "the storage refused it with HTTP 403"};
      break;
    case 404:
    case 410:
      verdict = {Next::kFail, ErrorKind::kNotFound, "LfsObjectNotFound",
                 "the server knows the object and its storage does not have it; push it again with `git lfs push --all "
                 "REMOTE` from a clone that has it"};
      break;
    default:
      return {Next::kFail, ErrorKind::kUnavailable, "LfsProtocol", "HTTP " + std::to_string(status)};
  }
  verdict.next = Next::kAskAgain;
  return verdict;
}

std::optional<milliseconds> lfs_retry_hint(const http::Headers& headers, Timestamp now) {
  const auto value = headers.find("retry-after");
  if (!value) return std::nullopt;
  constexpr std::uint64_t kLongest = 86400;
  if (const auto count = parse_unsigned(trim(*value))) return seconds(std::min(*count, kLongest));
  const auto date = parse_http_date(trim(*value));
  if (!date || *date <= now) return std::nullopt;
  return std::min<milliseconds>(std::chrono::duration_cast<milliseconds>(*date - now), seconds(kLongest));
}

bool is_sign_in_address(const http::Url& url) noexcept {
  return url.host == "login.microsoftonline.com" || url.host == "login.live.com" ||
         url.host.ends_with(".vssps.visualstudio.com") || url.path.find("/_signin") != std::string::npos;
}

bool looks_like_web_page(std::string_view head) noexcept {
  head = trim(head);
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head = trim(head);
  return equals_ignoring_case(head.substr(0, 14), "<!doctype html") || equals_ignoring_case(head.substr(0, 5), "<html");
}

std::optional<http::Url> resolve_location(const http::Url& base, std::string_view location) {
  location = trim(location);
  location = location.substr(0, location.find('#'));
  if (location.empty() || location.size() > kMaxUrlBytes) return std::nullopt;
  const auto colon = location.find(':');
  if (colon != std::string_view::npos && location.find_first_of("/?") > colon) return http::parse_url(location);
  if (location.starts_with("//")) return http::parse_url(base.scheme + ":" + std::string(location));
  if (location.front() == '/') return http::parse_url(base.origin() + std::string(location));
  if (location.front() == '?') return http::parse_url(base.origin() + base.path + std::string(location));
  return http::parse_url(base.origin() + base.path.substr(0, base.path.rfind('/') + 1) + std::string(location));
}

}  // namespace penstock::git
