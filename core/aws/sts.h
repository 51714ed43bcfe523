// Security Token Service: the calls that turn one credential into another. Query protocol, API version 2011-06-15.
#pragma once

#include <chrono>
#include <string>

#include "core/aws/client.h"
#include "core/aws/credentials.h"

namespace penstock::aws {

struct AssumeRoleRequest {
  std::string role_arn = {};
  std::string session_name = {};  // empty = one made of the time
  std::string external_id = {};
  std::chrono::seconds duration{0};  // 0 = the service's default, an hour
};

struct CallerIdentity {
  std::string account, arn, user_id;
};

class StsClient {
 public:
  explicit StsClient(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  Credentials assume_role(const AssumeRoleRequest& request);
  // Unsigned: the token is the credential.
  Credentials assume_role_with_web_identity(const AssumeRoleRequest& request, const Secret& token);
  CallerIdentity get_caller_identity();

 private:
  std::shared_ptr<Client> client_;
};

}  // namespace penstock::aws
