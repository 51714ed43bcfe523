// AWS credentials and where they come from.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock::aws {

struct Credentials {
  std::string access_key_id = {};
  Secret secret_access_key = {};
  Secret session_token = {};  // may be empty
  std::optional<Timestamp> expires_at = {};
};

// Thread-safe. get() may block for a refresh (bounded by its own deadlines); Error{kUnauthenticated | kConfiguration |
// kUnavailable} when there are none.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  virtual Credentials get() = 0;
  // The service said that they are expired: the next get() must read them anew.
  virtual void invalidate() {}
};

class StaticCredentials final : public CredentialsProvider {
 public:
  explicit StaticCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Credentials get() override { return credentials_; }

 private:
  Credentials credentials_;
};

}  // namespace penstock::aws
