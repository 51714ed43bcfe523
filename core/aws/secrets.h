// Secret references resolved: env:, file:, secretsmanager:.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/aws/client.h"
#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock::aws {

// Thread-safe. Values from files and Secrets Manager are cached for `ttl`; one trailing newline of a file is dropped.
class SecretResolver {
 public:
  struct Options {
    std::chrono::seconds ttl{300};
    // The process environment when empty.
    std::function<std::optional<std::string>(const std::string& name)> variable = {};
  };
  // `secrets_manager` is asked for a client only when a secretsmanager: reference is first resolved.
  SecretResolver(Options options, std::function<std::shared_ptr<Client>()> secrets_manager, const Clock& clock);
  ~SecretResolver();

  // Error{kConfiguration} "resolving env:NAME: not set", kNotFound, kPermission, kUnavailable. Never holds the value. A
  // value that could not be read again is served on for an hour while the fault is one that passes.
  Secret resolve(const SecretReference& reference);
  // After a credential was refused: the next resolve() reads it anew.
  void forget(const SecretReference& reference);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Keys are kept in Secrets Manager as they are or in base64, since its console once mangled line ends. Gives the PEM
// text, with a line end, of either; anything else comes back unchanged.
Secret decode_pem_secret(const Secret& secret);

}  // namespace penstock::aws
