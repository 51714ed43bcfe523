// What a browser keeps between leaving for the identity provider and coming back: nothing is kept here for strangers.
// It binds the sign-in to the browser that began it, so that nobody can be made to finish somebody else's.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/listener/message.h"

namespace penstock::server {

// A path of our own with its query; "/" for anything else, and for the pages of the sign-in itself.
std::string safe_return_path(std::string_view path);

// The value of a cookie that came once; nothing when there are several of that name, as one of them may be planted.
std::optional<std::string> find_cookie(const listener::Request& request, std::string_view name);

enum class CookieScope { kHost, kInsecure };  // the second for plain http on a loopback address
// "__Host-NAME=VALUE; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=…"; an empty value deletes it.
std::string make_cookie(std::string_view name, std::string_view value, CookieScope scope, std::chrono::seconds age);
std::string cookie_name(std::string_view name, CookieScope scope);

// Thread-safe. The key lives as long as the process.
class SignInFlow {
 public:
  static constexpr std::chrono::minutes kPatience{10};
  explicit SignInFlow(const Clock& clock);

  struct Pending {
    std::string cookie;  // what the browser keeps
    std::string state, nonce, verifier;
    std::string return_path;
  };
  Pending begin(std::string_view return_path) const;
  // The sign-in that this browser began, when `state` is its own. Nothing for another's, an altered or an old one.
  std::optional<Pending> resume(std::string_view cookie, std::string_view state) const;

 private:
  Pending derive(std::string cookie, std::string_view seed, std::string return_path) const;
  std::string derive(std::string_view purpose, std::string_view of) const;
  const Clock& clock_;
  const Secret key_;
};

}  // namespace penstock::server
