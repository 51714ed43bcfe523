#include "tests/sandbox/sigv4_verifier.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

#include "core/base/secret.h"
#include "core/base/text.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::uint64_t kSmallestChunk = 8192;

enum class Fault { kMissing, kIncomplete, kUnknownKey, kInvalidToken, kExpiredToken, kMismatch, kHeadersNotSigned };

[[noreturn]] void refuse(Protocol protocol, Fault fault, const std::string& why = {}) {
  struct Words {
    int json_status;
    const char* json;
    int query_status;
    const char* query;
    int s3_status;
    const char* s3;
    const char* message;
  };
  static const std::map<Fault, Words> kWords{
      {Fault::kMissing,
       {403, "MissingAuthenticationTokenException", 403, "MissingAuthenticationToken", 403, "AccessDenied",
        "Request is missing Authentication Token"}},
      {Fault::kIncomplete,
       {403, "IncompleteSignatureException", 400, "IncompleteSignature", 400, "AuthorizationHeaderMalformed",
        "The authorization header is malformed"}},
      {Fault::kUnknownKey,
       {403, "UnrecognizedClientException", 403, "InvalidClientTokenId", 403, "InvalidAccessKeyId",
        "The access key id of the request is not known here"}},
      {Fault::kInvalidToken,
       {403, "UnrecognizedClientException", 403, "InvalidClientTokenId", 400, "InvalidToken",
        "The security token included in the request is invalid"}},
      {Fault::kExpiredToken,
       {403, "ExpiredTokenException", 403, "ExpiredToken", 400, "ExpiredToken",
        "The security token included in the request is expired"}},
      {Fault::kMismatch,
       {403, "InvalidSignatureException", 403, "SignatureDoesNotMatch", 403, "SignatureDoesNotMatch",
        "The request signature does not match the signature calculated here"}},
      {Fault::kHeadersNotSigned,
       {403, "InvalidSignatureException", 403, "SignatureDoesNotMatch", 403, "AccessDenied",
        "There were headers present in the request which were not signed"}},
  };
  const auto& words = kWords.at(fault);
  const std::string message = std::string(words.message) + (why.empty() ? "" : ": " + why);
  switch (protocol) {
    case Protocol::kJson:
      throw ServiceError(words.json_status, words.json, message);
    case Protocol::kQuery:
      throw ServiceError(words.query_status, words.query, message);
    case Protocol::kS3:
      throw ServiceError(words.s3_status, words.s3, message);
  }
  throw ServiceError(500, "InternalFailure", message);
}

struct Claim {
  std::string access_key_id, scope, date, region, service, terminator;
  std::string signed_headers, signature, date_time, token;
  std::string expires;
  bool presigned = false;
};

bool split_credential(std::string_view credential, Claim& claim) {
  // An access key id holds no slash, so the scope is what follows the first one.
  const auto parts = split(credential, '/');
  if (parts.size() != 5) return false;
  claim.access_key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  claim.terminator = parts[4];
  claim.scope = parts[1] + "/" + parts[2] + "/" + parts[3] + "/" + parts[4];
  return claim.terminator == "aws4_request" && !claim.access_key_id.empty() && !claim.region.empty();
}

std::optional<Timestamp> parse_date_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  std::string rfc(text.substr(0, 4));
  rfc.append("-").append(text.substr(4, 2)).append("-").append(text.substr(6, 2)).append("T");
  rfc.append(text.substr(9, 2)).append(":").append(text.substr(11, 2)).append(":").append(text.substr(13, 2));
  return parse_rfc3339(rfc + "Z");
}

std::optional<Claim> find_claim(const Request& request, Protocol protocol) {
  Claim claim;
  if (const auto* authorization = request.find("Authorization")) {
    const std::string_view text = *authorization;
    if (!text.starts_with(kAlgorithm) || text.size() <= kAlgorithm.size() || text[kAlgorithm.size()] != ' ') {
      refuse(protocol, Fault::kIncomplete, "the algorithm must be AWS4-HMAC-SHA256");
    }
    bool has_credential = false;
    for (const auto& field : split(text.substr(kAlgorithm.size() + 1), ',')) {
      const std::string_view part = trim(field);
      const auto equals = part.find('=');
      if (equals == std::string_view::npos) refuse(protocol, Fault::kIncomplete, "a field has no value");
      const auto name = part.substr(0, equals);
      const auto value = part.substr(equals + 1);
      if (name == "Credential") {
        has_credential = split_credential(value, claim);
      } else if (name == "SignedHeaders") {
        claim.signed_headers = value;
      } else if (name == "Signature") {
        claim.signature = value;
      }
    }
    if (!has_credential) refuse(protocol, Fault::kIncomplete, "Credential is missing or no <key>/<date>/<region>/…");
    if (claim.signed_headers.empty()) refuse(protocol, Fault::kIncomplete, "SignedHeaders is missing");
    if (claim.signature.size() != 64) refuse(protocol, Fault::kIncomplete, "Signature is missing or not 64 digits");
    claim.date_time = request.header("X-Amz-Date");
    if (claim.date_time.empty()) {
      if (const auto date = parse_http_date(request.header("Date"))) claim.date_time = format_iso8601_basic(*date);
    }
    claim.token = request.header("X-Amz-Security-Token");
    return claim;
  }
  if (request.query.find("X-Amz-Signature=") == std::string::npos) return std::nullopt;
  bool has_credential = false;
  claim.presigned = true;
  for (const auto& [name, value] : parse_query(request.query, protocol)) {
    if (name == "X-Amz-Algorithm" && value != kAlgorithm) refuse(protocol, Fault::kIncomplete, "X-Amz-Algorithm");
    if (name == "X-Amz-Credential") has_credential = split_credential(value, claim);
    if (name == "X-Amz-Date") claim.date_time = value;
    if (name == "X-Amz-Expires") claim.expires = value;
    if (name == "X-Amz-SignedHeaders") claim.signed_headers = value;
    if (name == "X-Amz-Signature") claim.signature = value;
    if (name == "X-Amz-Security-Token") claim.token = value;
  }
  if (!has_credential || claim.signed_headers.empty() || claim.date_time.empty() || claim.expires.empty()) {
    refuse(protocol, Fault::kIncomplete, "a query parameter of the signature is missing");
  }
  return claim;
}

// White space at the ends is gone already; runs inside become one space.
std::string collapse_spaces(std::string_view text) {
  std::string out;
  for (const char c : trim(text)) {
    if ((c == ' ' || c == '\t') && !out.empty() && out.back() == ' ') continue;
    out += c == '\t' ? ' ' : c;
  }
  return out;
}

std::string canonical_query(const Request& request, Protocol protocol) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : parse_query(request.query, protocol)) {
    if (name == "X-Amz-Signature") continue;
    encoded.emplace_back(percent_encode(name), percent_encode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string canonical_path(const Request& request, Protocol protocol) {
  const auto decoded = percent_decode(request.path);
  if (!decoded) refuse(protocol, Fault::kMismatch, "the path holds a broken percent escape");
  const auto once = percent_encode(*decoded, SlashMode::kKeep);
  return protocol == Protocol::kS3 ? once : percent_encode(once, SlashMode::kKeep);
}

// The headers' canonical lines; refuses when one that must be signed is not.
std::string canonical_headers(const Request& request, const Claim& claim, Protocol protocol) {
  const auto names = split(claim.signed_headers, ';');
  if (!std::is_sorted(names.begin(), names.end())) refuse(protocol, Fault::kMismatch, "SignedHeaders is not sorted");
  const auto is_signed = [&](const std::string& name) { return std::binary_search(names.begin(), names.end(), name); };
  if (!is_signed("host")) refuse(protocol, Fault::kHeadersNotSigned, "host");
  if (!claim.presigned && !is_signed("x-amz-date") && !is_signed("date")) {
    refuse(protocol, Fault::kHeadersNotSigned, "x-amz-date");
  }
  for (const auto& header : request.headers) {
    const auto name = to_lower(header.name);
    if ((name.starts_with("x-amz-") || name == "content-type") && !is_signed(name)) {
      if (claim.presigned && name == "content-type") continue;
      refuse(protocol, Fault::kHeadersNotSigned, name);
    }
  }
  std::string out;
  for (const auto& name : names) {
    std::string value;
    bool found = false;
    for (const auto& header : request.headers) {
      if (!equals_ignoring_case(header.name, name)) continue;
      if (found) value += ',';
      value += collapse_spaces(header.value);
      found = true;
    }
    if (!found) refuse(protocol, Fault::kMismatch, "the signed header \"" + name + "\" is not there");
    out += name + ":" + value + "\n";
  }
  return out;
}

void check_time(const Claim& claim, Protocol protocol, Timestamp now) {
  const auto signed_at = parse_date_time(claim.date_time);
  if (!signed_at) refuse(protocol, Fault::kIncomplete, "the date is missing or no yyyymmddThhmmssZ");
  if (claim.date_time.substr(0, 8) != claim.date) {
    refuse(protocol, Fault::kMismatch, "the date of the credential scope is not the date of the request");
  }
  const auto allowed = protocol == Protocol::kS3 ? minutes(15) : minutes(5);
  if (claim.presigned) {
    const auto lifetime = parse_unsigned(claim.expires);
    if (!lifetime || *lifetime < 1 || *lifetime > 604'800) {
      throw ServiceError(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800");
    }
    if (*signed_at + seconds(*lifetime) < now) throw ServiceError(403, "AccessDenied", "Request has expired");
    if (*signed_at > now + allowed) throw ServiceError(403, "AccessDenied", "Request is not yet valid");
    return;
  }
  const bool early = *signed_at > now + allowed;
  const bool late = *signed_at + allowed < now;
  if (!early && !late) return;
  if (protocol == Protocol::kS3) {
    throw ServiceError(403, "RequestTimeTooSkewed",
                       "The difference between the request time and the current time is too large.")
        .with("RequestTime", claim.date_time)
        .with("ServerTime", format_rfc3339(now))
        .with("MaxAllowedSkewMilliseconds", "900000");
  }
  const auto limit = format_iso8601_basic(early ? now + allowed : now - allowed);
  const auto message = (early ? "Signature not yet current: " : "Signature expired: ") + claim.date_time +
                       (early ? " is still later than " : " is now earlier than ") + limit + " (" +
                       format_iso8601_basic(now) + (early ? " + 5 min.)" : " - 5 min.)");
  throw ServiceError(403, protocol == Protocol::kJson ? "InvalidSignatureException" : "SignatureDoesNotMatch", message);
}

std::string payload_line(const Request& request, const Claim& claim, const std::optional<std::string>& payload_sha256,
                         Protocol protocol) {
  const auto* header = request.find("x-amz-content-sha256");
  if (protocol != Protocol::kS3) {
    if (header && *header != "UNSIGNED-PAYLOAD" && *header != *payload_sha256) {
      refuse(protocol, Fault::kMismatch, "x-amz-content-sha256 is not the hash of the body");
    }
    return *payload_sha256;
  }
  if (claim.presigned) return header ? *header : "UNSIGNED-PAYLOAD";
  if (!header)
    throw ServiceError(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  const bool is_hash = header->size() == 64 && header->find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hash && *header != "UNSIGNED-PAYLOAD" && *header != "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" &&
      *header != "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" && *header != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    throw ServiceError(400, "InvalidArgument",
                       "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                       "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid "
                       "sha256 value.");
  }
  return *header;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query, Protocol protocol) {
  std::vector<std::pair<std::string, std::string>> result;
  if (query.empty()) return result;
  for (const auto& part : split(query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto name = percent_decode(part.substr(0, equals));
    const auto value = percent_decode(equals == std::string::npos ? "" : part.substr(equals + 1));
    if (!name || !value) refuse(protocol, Fault::kMismatch, "the query holds a broken percent escape");
    result.emplace_back(*name, *value);
  }
  return result;
}

std::string scope_service(const Request& request) {
  std::string_view text;
  std::string decoded;
  if (const auto* authorization = request.find("Authorization")) {
    text = *authorization;
    const auto at = text.find("Credential=");
    if (at == std::string_view::npos) return {};
    text = text.substr(at + 11);
    text = text.substr(0, text.find_first_of(", "));
  } else {
    const auto at = request.query.find("X-Amz-Credential=");
    if (at == std::string::npos) return {};
    const auto raw = std::string_view(request.query).substr(at + 17);
    decoded = percent_decode(raw.substr(0, raw.find('&'))).value_or("");
    text = decoded;
  }
  const auto parts = split(text, '/');
  return parts.size() == 5 ? parts[3] : std::string();
}

Verified verify_signature(const Request& request, const std::optional<std::string>& payload_sha256, Protocol protocol,
                          const KeyRing& keys, Timestamp now) {
  const auto claim = find_claim(request, protocol);
  if (!claim) refuse(protocol, Fault::kMissing);
  if (protocol != Protocol::kS3 && claim->presigned) refuse(protocol, Fault::kMissing, "sign with headers");

  TokenFault token_fault = TokenFault::kNone;
  const auto identity = keys.resolve(claim->access_key_id, claim->token, now, token_fault);
  if (token_fault == TokenFault::kUnknownKey) refuse(protocol, Fault::kUnknownKey);
  if (token_fault == TokenFault::kInvalidToken) refuse(protocol, Fault::kInvalidToken);
  if (token_fault == TokenFault::kExpiredToken) refuse(protocol, Fault::kExpiredToken);

  check_time(*claim, protocol, now);

  const auto headers = canonical_headers(request, *claim, protocol);
  const auto payload = payload_line(request, *claim, payload_sha256, protocol);
  const std::string canonical = request.method + "\n" + canonical_path(request, protocol) + "\n" +
                                canonical_query(request, protocol) + "\n" + headers + "\n" + claim->signed_headers +
                                "\n" + payload;
  const std::string string_to_sign =
      std::string(kAlgorithm) + "\n" + claim->date_time + "\n" + claim->scope + "\n" + sha256_hex(canonical);

  Verified verified;
  auto key = hmac(HashAlgorithm::kSha256, "AWS4" + identity->secret, claim->date);
  key = hmac(HashAlgorithm::kSha256, key, claim->region);
  key = hmac(HashAlgorithm::kSha256, key, claim->service);
  verified.signing_key = hmac(HashAlgorithm::kSha256, key, "aws4_request");
  verified.signature = to_hex(hmac(HashAlgorithm::kSha256, verified.signing_key, string_to_sign));
  if (!equal_in_constant_time(verified.signature, claim->signature)) {
    if (protocol == Protocol::kS3) {
      throw ServiceError(403, "SignatureDoesNotMatch",
                         "The request signature we calculated does not match the signature you provided. Check your "
                         "key and signing method.")
          .with("AWSAccessKeyId", claim->access_key_id)
          .with("StringToSign", string_to_sign)
          .with("CanonicalRequest", canonical);
    }
    refuse(protocol, Fault::kMismatch, "the canonical request was " + in_quotes(canonical));
  }
  verified.identity = *identity;
  verified.date_time = claim->date_time;
  verified.scope = claim->scope;
  verified.region = claim->region;
  verified.service = claim->service;
  verified.presigned = claim->presigned;
  return verified;
}

ChunkedPayload::ChunkedPayload(ByteSource& source, const Verified& verified, Signing signing, bool has_trailer,
                               std::uint64_t decoded_length)
    : source_(source),
      verified_(verified),
      signing_(signing),
      has_trailer_(has_trailer),
      expected_length_(decoded_length),
      previous_signature_(verified.signature),
      buffer_(64u << 10) {}

char ChunkedPayload::next_byte() {
  if (begin_ == end_) {
    begin_ = 0;
    end_ = source_.read(buffer_.data(), buffer_.size());
    if (end_ == 0) throw ServiceError(400, "IncompleteBody", "The aws-chunked body ended before its last chunk");
  }
  return buffer_[begin_++];
}

std::string ChunkedPayload::read_line() {
  std::string line;
  for (;;) {
    line += next_byte();
    if (line.ends_with("\r\n")) {
      line.resize(line.size() - 2);
      return line;
    }
    if (line.size() > 4096) throw ServiceError(400, "InvalidRequest", "A line of the aws-chunked body is too long");
  }
}

void ChunkedPayload::read_exactly(std::string_view expected) {
  for (const char c : expected) {
    if (next_byte() != c) throw ServiceError(400, "InvalidRequest", "The aws-chunked body is malformed");
  }
}

void ChunkedPayload::begin_chunk() {
  const auto line = read_line();
  const auto semicolon = line.find(';');
  const auto digits = std::string_view(line).substr(0, semicolon);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw ServiceError(400, "InvalidRequest", "A chunk of the aws-chunked body has no size");
  }
  if (signing_ == Signing::kSigned) {
    constexpr std::string_view kExtension = "chunk-signature=";
    const auto extension =
        semicolon == std::string::npos ? std::string_view() : std::string_view(line).substr(semicolon + 1);
    if (!extension.starts_with(kExtension)) {
      throw ServiceError(403, "SignatureDoesNotMatch", "A chunk of the aws-chunked body is not signed");
    }
    chunk_signature_ = extension.substr(kExtension.size());
    if (left_ > 0) {
      if (saw_short_chunk_) {
        throw ServiceError(403, "InvalidChunkSizeError",
                           "Only the last chunk is allowed to have a size less than 8192 bytes");
      }
      saw_short_chunk_ = left_ < kSmallestChunk;
    }
    hasher_ = std::make_unique<Hasher>(HashAlgorithm::kSha256);
  }
  if (left_ > 0) return;
  end_chunk();
  if (has_trailer_) {
    read_trailers();
  } else {
    read_exactly("\r\n");
  }
  finished_ = true;
  if (total_ != expected_length_) {
    throw ServiceError(400, "IncompleteBody",
                       "The body has not the length that x-amz-decoded-content-length announced");
  }
}

void ChunkedPayload::end_chunk() {
  if (signing_ == Signing::kUnsigned) return;
  const auto string_to_sign = "AWS4-HMAC-SHA256-PAYLOAD\n" + verified_.date_time + "\n" + verified_.scope + "\n" +
                              previous_signature_ + "\n" + sha256_hex("") + "\n" + to_hex(hasher_->finish());
  const auto expected = to_hex(hmac(HashAlgorithm::kSha256, verified_.signing_key, string_to_sign));
  if (!equal_in_constant_time(expected, chunk_signature_)) {
    throw ServiceError(403, "SignatureDoesNotMatch", "The signature of a chunk does not match");
  }
  previous_signature_ = expected;
}

void ChunkedPayload::read_trailers() {
  std::string canonical, signature;
  for (;;) {
    auto line = read_line();
    if (line.empty()) break;
    // Some clients end a trailer with "\n" before its "\r\n".
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    const auto colon = line.find(':');
    if (colon == std::string::npos) throw ServiceError(400, "MalformedTrailerError", "A trailer has no colon");
    Header trailer{to_lower(trim(line.substr(0, colon))), std::string(trim(std::string_view(line).substr(colon + 1)))};
    if (trailer.name == "x-amz-trailer-signature") {
      signature = trailer.value;
      continue;
    }
    canonical += trailer.name + ":" + trailer.value + "\n";
    trailers_.push_back(std::move(trailer));
  }
  if (signing_ == Signing::kUnsigned) return;
  const auto string_to_sign = "AWS4-HMAC-SHA256-TRAILER\n" + verified_.date_time + "\n" + verified_.scope + "\n" +
                              previous_signature_ + "\n" + sha256_hex(canonical);
  if (!equal_in_constant_time(to_hex(hmac(HashAlgorithm::kSha256, verified_.signing_key, string_to_sign)), signature)) {
    throw ServiceError(403, "SignatureDoesNotMatch", "The signature of the trailers does not match");
  }
}

std::size_t ChunkedPayload::read(char* buffer, std::size_t size) {
  if (finished_) return 0;
  if (left_ == 0) {
    begin_chunk();
    if (finished_) return 0;
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  std::size_t count = 0;
  if (begin_ < end_) {
    count = std::min(wanted, end_ - begin_);
    std::memcpy(buffer, buffer_.data() + begin_, count);
    begin_ += count;
  } else {
    count = source_.read(buffer, wanted);
    if (count == 0) throw ServiceError(400, "IncompleteBody", "The aws-chunked body ended before its last chunk");
  }
  if (hasher_) hasher_->update({buffer, count});
  total_ += count;
  left_ -= count;
  if (left_ == 0) {
    read_exactly("\r\n");
    end_chunk();
  }
  return count;
}

}  // namespace penstock::sandbox
