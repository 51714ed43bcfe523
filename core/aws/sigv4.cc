#include "core/aws/sigv4.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Proxies and HTTP libraries add, change or drop these.
bool is_left_unsigned(std::string_view name) {
  constexpr std::array<std::string_view, 19> kNames = {"authorization",
                                                       "cache-control",
                                                       "connection",
                                                       "expect",
                                                       "from",
                                                       "keep-alive",
                                                       "max-forwards",
                                                       "pragma",
                                                       "referer",
                                                       "te",
                                                       "trailer",
                                                       "transfer-encoding",
                                                       "upgrade",
                                                       "user-agent",
                                                       "x-amzn-trace-id",
                                                       "accept-encoding",
                                                       "x-amz-signature",
                                                       "presigned-expires",
                                                       "proxy-authorization"};
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("proxy-") || name.starts_with("sec-");
}

// Trimmed, with each run of white space (folded lines too) as one space.
std::string fold(std::string_view value) {
  std::string result;
  for (const char c : trim(value)) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (space && result.ends_with(' ')) continue;
    result += space ? ' ' : c;
  }
  return result;
}

// RFC 3986 section 5.2.4, with empty segments removed too.
std::string normalize(std::string_view path) {
  std::vector<std::string_view> segments;
  std::size_t begin = 0;
  bool ends_in_slash = false;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!ends_in_slash) {
      segments.push_back(segment);
    }
    begin = end + 1;
  }
  std::string result;
  for (const std::string_view segment : segments) (result += '/') += segment;
  if (result.empty() || ends_in_slash) result += '/';
  return result;
}

std::string encode_once(std::string_view text, SlashMode slash) {
  return percent_encode(percent_decode(text).value_or(std::string(text)), slash);
}

std::string canonical_path(std::string_view path, const SigningOptions& options) {
  std::string result = options.normalize_path ? normalize(path) : std::string(path);
  if (result.empty()) result = "/";
  return options.double_encode ? percent_encode(result, SlashMode::kKeep) : encode_once(result, SlashMode::kKeep);
}

using Parameters = std::vector<std::pair<std::string, std::string>>;  // encoded once

Parameters parse_query(std::string_view query) {
  Parameters result;
  for (const std::string& part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string_view name = std::string_view(part).substr(0, equals);
    const std::string_view value =
        equals == std::string::npos ? std::string_view() : std::string_view(part).substr(equals + 1);
    result.emplace_back(encode_once(name, SlashMode::kEncode), encode_once(value, SlashMode::kEncode));
  }
  return result;
}

std::string join(const Parameters& parameters) {
  std::string result;
  for (const auto& [name, value] : parameters) {
    if (!result.empty()) result += '&';
    ((result += name) += '=') += value;
  }
  return result;
}

struct CanonicalHeaders {
  std::string lines, names;
};

CanonicalHeaders canonical_headers(const http::Headers& headers) {
  std::map<std::string, std::string> folded;
  for (const auto& field : headers.fields()) {
    const std::string name = to_lower(trim(field.name));
    if (is_left_unsigned(name)) continue;
    const auto [entry, added] = folded.try_emplace(name, fold(field.value));
    if (!added) (entry->second += ',') += fold(field.value);
  }
  CanonicalHeaders result;
  for (const auto& [name, value] : folded) {
    (((result.lines += name) += ':') += value) += '\n';
    if (!result.names.empty()) result.names += ';';
    result.names += name;
  }
  return result;
}

Secret derive_key(const Secret& secret_access_key, std::string_view date, std::string_view region,
                  std::string_view service) {
  std::string seed = "AWS4" + std::string(secret_access_key.reveal());
  std::string key = hmac(HashAlgorithm::kSha256, seed, date);
  wipe(seed);
  for (const std::string_view part : {region, service, std::string_view("aws4_request")}) {
    std::string next = hmac(HashAlgorithm::kSha256, key, part);
    wipe(key);
    key = std::move(next);
  }
  return Secret(std::move(key));
}

struct Scope {
  std::string time, date, text;
};

Scope make_scope(const SigningOptions& options) {
  Scope scope;
  scope.time = format_iso8601_basic(options.time);
  scope.date = scope.time.substr(0, 8);
  scope.text = scope.date + "/" + options.region + "/" + options.service + "/aws4_request";
  return scope;
}

void finish(SignedRequest& result, const SigningRequest& request, const Credentials& credentials,
            const SigningOptions& options, const Scope& scope, Parameters parameters, const CanonicalHeaders& headers) {
  std::ranges::sort(parameters);
  result.canonical_request = request.method + '\n' + canonical_path(request.path, options) + '\n' + join(parameters) +
                             '\n' + headers.lines + '\n' + headers.names + '\n' + request.payload_sha256;
  result.string_to_sign =
      std::string(kAlgorithm) + '\n' + scope.time + '\n' + scope.text + '\n' + sha256_hex(result.canonical_request);
  const Secret key =
      options.cache != nullptr
          ? options.cache->get(credentials.secret_access_key, scope.date, options.region, options.service)
          : derive_key(credentials.secret_access_key, scope.date, options.region, options.service);
  result.signature = to_hex(hmac(HashAlgorithm::kSha256, key.reveal(), result.string_to_sign));
}

}  // namespace

Secret SigningKeyCache::get(const Secret& secret_access_key, std::string_view date, std::string_view region,
                            std::string_view service) {
  std::lock_guard guard(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->date == date && entry->region == region && entry->service == service &&
        entry->secret_access_key.equals(secret_access_key.reveal())) {
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->key;
    }
  }
  entries_.push_front({secret_access_key, std::string(date), std::string(region), std::string(service),
                       derive_key(secret_access_key, date, region, service)});
  if (entries_.size() > kMaxEntries) entries_.pop_back();
  return entries_.front().key;
}

SigningOptions SigningOptions::for_service(std::string region, std::string service, Timestamp time) {
  SigningOptions options;
  const bool is_s3 = service == "s3";
  options.region = std::move(region);
  options.service = std::move(service);
  options.time = time;
  options.normalize_path = !is_s3;
  options.double_encode = !is_s3;
  options.add_content_sha256 = is_s3;
  return options;
}

SignedRequest sign_headers(const SigningRequest& request, const Credentials& credentials,
                           const SigningOptions& options) {
  const Scope scope = make_scope(options);
  SignedRequest result;
  result.headers.add("X-Amz-Date", scope.time);
  if (options.add_content_sha256) result.headers.add("X-Amz-Content-Sha256", request.payload_sha256);
  const bool has_token = !credentials.session_token.empty();
  if (has_token && !options.omit_session_token) {
    result.headers.add("X-Amz-Security-Token", std::string(credentials.session_token.reveal()));
  }
  http::Headers all = request.headers;
  for (const auto& field : result.headers.fields()) all.set(field.name, field.value);
  const CanonicalHeaders headers = canonical_headers(all);
  finish(result, request, credentials, options, scope, parse_query(request.query), headers);
  if (has_token && options.omit_session_token) {
    result.headers.add("X-Amz-Security-Token", std::string(credentials.session_token.reveal()));
  }
  result.headers.add("Authorization", std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" +
                                          scope.text + ", SignedHeaders=" + headers.names +
                                          ", Signature=" + result.signature);
  return result;
}

SignedRequest presign(const SigningRequest& request, const Credentials& credentials, const SigningOptions& options,
                      std::chrono::seconds expires) {
  const Scope scope = make_scope(options);
  SignedRequest result;
  http::Headers all = request.headers;
  if (options.add_content_sha256 && request.payload_sha256 != kUnsignedPayload) {
    result.headers.add("X-Amz-Content-Sha256", request.payload_sha256);
    all.set("X-Amz-Content-Sha256", request.payload_sha256);
  }
  const CanonicalHeaders headers = canonical_headers(all);
  Parameters parameters = parse_query(request.query);
  const auto add = [&](std::string name, std::string_view value) {
    parameters.emplace_back(std::move(name), percent_encode(value));
  };
  add("X-Amz-Algorithm", kAlgorithm);
  add("X-Amz-Credential", credentials.access_key_id + "/" + scope.text);
  add("X-Amz-Date", scope.time);
  add("X-Amz-SignedHeaders", headers.names);
  if (expires.count() > 0) add("X-Amz-Expires", std::to_string(expires.count()));
  const bool has_token = !credentials.session_token.empty();
  if (has_token && !options.omit_session_token) add("X-Amz-Security-Token", credentials.session_token.reveal());
  finish(result, request, credentials, options, scope, parameters, headers);
  if (has_token && options.omit_session_token) add("X-Amz-Security-Token", credentials.session_token.reveal());
  add("X-Amz-Signature", result.signature);
  result.query = join(parameters);
  return result;
}

}  // namespace penstock::aws
