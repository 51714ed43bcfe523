#include "server/form_tokens.h"

#include <span>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock::server {

Secret make_random_key() {
  std::string bytes(32, '\0');
  fill_random(std::as_writable_bytes(std::span(bytes)));
  return Secret(std::move(bytes));
}

FormTokens::FormTokens(const Clock& clock) : clock_(clock), key_(make_random_key()) {}

std::string FormTokens::sign(std::string_view credential, std::string_view time) const {
  return to_base64url(hmac(HashAlgorithm::kSha256, key_.reveal(), std::string(time) + "." + std::string(credential)));
}

std::string FormTokens::make(std::string_view credential) const {
  const std::string time = std::to_string(to_milliseconds(clock_.now()) / 1000);
  return time + "." + sign(credential, time);
}

bool FormTokens::check(std::string_view credential, std::string_view token) const {
  const std::size_t dot = token.find('.');
  if (credential.empty() || token.size() > 200 || dot == std::string_view::npos) return false;
  const std::string_view time = token.substr(0, dot);
  if (!equal_in_constant_time(sign(credential, time), token.substr(dot + 1))) return false;
  const auto made = parse_unsigned(time);
  const std::int64_t age = made ? to_milliseconds(clock_.now()) / 1000 - static_cast<std::int64_t>(*made) : -1;
  return age >= 0 && age <= std::chrono::duration_cast<std::chrono::seconds>(kLifetime).count();
}

}  // namespace penstock::server
