// Who may sign: permanent key pairs, and session credentials whose token carries, sealed, all that is to be known of
// them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace penstock::sandbox {

inline constexpr std::string_view kDefaultAccessKeyId = "AKIDSANDBOX000000001";
inline constexpr std::string_view kDefaultSecretAccessKey = "sandbox-secret-access-key-of-no-value-00";
inline constexpr std::string_view kDefaultAccount = "111122223333";

struct AccessKey {
  std::string id, secret;
  std::string account = std::string(kDefaultAccount);
  std::set<std::string> denied;  // "codepipeline:StartPipelineExecution", "s3:PutObject"; answered with AccessDenied
};

// What a job's artifact credentials may touch.
struct Grant {
  bool write = false;  // false: Get and Head; true: Put and the multipart calls
  std::string bucket, key;
};

struct SessionCredentials {
  std::string access_key_id, secret_access_key, session_token;
  Timestamp expires;
};

struct Identity {
  std::string access_key_id, secret, account, arn;
  std::set<std::string> denied;
  std::optional<std::vector<Grant>> grants;  // set for artifact credentials, which may do nothing else
};

enum class TokenFault { kNone, kUnknownKey, kInvalidToken, kExpiredToken };

// Thread-safe.
class KeyRing {
 public:
  // `sealing_key` must survive a restart when sessions shall.
  explicit KeyRing(std::string sealing_key);

  void add(AccessKey key);
  SessionCredentials issue(const std::string& account, const std::string& arn, std::chrono::milliseconds lifetime,
                           const std::optional<std::vector<Grant>>& grants, Timestamp now) const;
  // Sets `fault` when nothing is returned.
  std::optional<Identity> resolve(std::string_view access_key_id, std::string_view session_token, Timestamp now,
                                  TokenFault& fault) const;
  // Sessions issued up to this time count as expired from now on.
  void expire_sessions(Timestamp issued_until);

 private:
  const std::string sealing_key_;
  mutable std::mutex mutex_;
  std::map<std::string, AccessKey, std::less<>> keys_;
  Timestamp expired_until_{};
};

}  // namespace penstock::sandbox
