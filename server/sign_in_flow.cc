#include "server/sign_in_flow.h"

#include <algorithm>
#include <vector>

#include "core/base/digest.h"
#include "core/base/text.h"
#include "server/form_tokens.h"

namespace penstock::server {
namespace {

constexpr std::size_t kMaxReturnPath = 1024;
constexpr std::size_t kMaxCookieBytes = 4096;

}  // namespace

std::string safe_return_path(std::string_view path) {
  const bool is_ours = path.starts_with('/') && !path.starts_with("//") && path.size() <= kMaxReturnPath &&
                       std::none_of(path.begin(), path.end(), [](char c) {
                         const auto byte = static_cast<unsigned char>(c);
                         return byte <= 0x20 || byte >= 0x7f || c == '\\';
                       });
  const bool is_loop = path.starts_with("/sign-") || path.starts_with("/password-sign-in");
  return is_ours && !is_loop ? std::string(path) : "/";
}

std::optional<std::string> find_cookie(const listener::Request& request, std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [field, value] : request.headers) {
    if (!equals_ignoring_case(field, "Cookie") || value.size() > 4 * kMaxCookieBytes) continue;
    for (const std::string& part : split(value, ';')) {
      const std::string_view pair = trim(part);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (found) return std::nullopt;
      found = std::string(pair.substr(equals + 1));
    }
  }
  return found;
}

std::string cookie_name(std::string_view name, CookieScope scope) {
  return (scope == CookieScope::kHost ? "__Host-" : "") + std::string(name);
}

std::string make_cookie(std::string_view name, std::string_view value, CookieScope scope, std::chrono::seconds age) {
  return cookie_name(name, scope) + "=" + std::string(value) + "; Path=/; HttpOnly; SameSite=Lax" +
         (scope == CookieScope::kHost ? "; Secure" : "") +
         "; Max-Age=" + std::to_string(value.empty() ? 0 : age.count());
}

SignInFlow::SignInFlow(const Clock& clock) : clock_(clock), key_(make_random_key()) {}

std::string SignInFlow::derive(std::string_view purpose, std::string_view of) const {
  return to_base64url(hmac(HashAlgorithm::kSha256, key_.reveal(), std::string(purpose) + "." + std::string(of)));
}

SignInFlow::Pending SignInFlow::derive(std::string cookie, std::string_view seed, std::string return_path) const {
  return {.cookie = std::move(cookie),
          .state = derive("state", seed),
          .nonce = derive("nonce", seed),
          .verifier = derive("verifier", seed),
          .return_path = std::move(return_path)};
}

SignInFlow::Pending SignInFlow::begin(std::string_view return_path) const {
  const std::string path = safe_return_path(return_path);
  const std::string seed = to_base64url(make_random_key().reveal());
  const std::string content =
      seed + "." + std::to_string(to_milliseconds(clock_.now()) / 1000) + "." + to_base64url(path);
  return derive(content + "." + derive("cookie", content), seed, path);
}

std::optional<SignInFlow::Pending> SignInFlow::resume(std::string_view cookie, std::string_view state) const {
  const std::size_t last = cookie.rfind('.');
  if (cookie.size() > kMaxCookieBytes || last == std::string_view::npos) return std::nullopt;
  const std::string_view content = cookie.substr(0, last);
  if (!equal_in_constant_time(derive("cookie", content), cookie.substr(last + 1))) return std::nullopt;
  const std::vector<std::string> parts = split(content, '.');
  const auto time = parts.size() == 3 ? parse_unsigned(parts[1]) : std::nullopt;
  const auto path = parts.size() == 3 ? from_base64url(parts[2]) : std::nullopt;
  if (!time || !path) return std::nullopt;
  const std::int64_t age = to_milliseconds(clock_.now()) / 1000 - static_cast<std::int64_t>(*time);
  if (age < 0 || age > std::chrono::duration_cast<std::chrono::seconds>(kPatience).count()) return std::nullopt;
  Pending pending = derive(std::string(cookie), parts[0], safe_return_path(*path));
  if (!equal_in_constant_time(pending.state, state)) return std::nullopt;
  return pending;
}

}  // namespace penstock::server
