// Tokens that the forms of our pages carry: another site's page cannot read them, so a form that has one is ours.
//
// Source: OWASP's cheat sheet on cross-site request forgery, "HMAC based token".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock::server {

// Bound to the credential of whoever asked for the page, and good for as long as a page may stand open. The key lives
// as long as the process. Thread-safe.
class FormTokens {
 public:
  static constexpr std::chrono::hours kLifetime{12};
  explicit FormTokens(const Clock& clock);
  std::string make(std::string_view credential) const;
  bool check(std::string_view credential, std::string_view token) const;

 private:
  std::string sign(std::string_view credential, std::string_view time) const;
  const Clock& clock_;
  const Secret key_;
};

// 32 random bytes.
Secret make_random_key();

}  // namespace penstock::server
