// CloudFormation: stacks from templates. Query protocol, API version 2010-05-15.
//
// Errors: Error with code() = the service's error name ("ValidationError", "AlreadyExistsException", …), kinds as in
// codepipeline.h. Blocking; thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/aws/client.h"

namespace penstock::aws {

struct StackRequest {
  std::string name = {};
  // One of both.
  std::string template_body = {};  // at most kMaxTemplateBody bytes
  std::string template_url = {};   // of an S3 object
  std::map<std::string, std::string> parameters = {}, tags = {};
  std::vector<std::string> capabilities = {};
  std::string role_arn = {};
  std::string client_request_token = {};  // repeats are the same call; events carry it
};
inline constexpr std::size_t kMaxTemplateBody = 51'200;
inline constexpr std::size_t kMaxTemplateObject = 1'048'576;

struct Stack {
  std::string id, name = {};  // the id is an ARN
  std::string status, status_reason = {};
  std::map<std::string, std::string> outputs = {};
};
struct StackEvent {
  std::string resource, resource_type, status, reason = {};
  std::string client_request_token = {};
};

enum class StackUpdate { kStarted, kNothingToDo };

class CloudFormationClient {
 public:
  explicit CloudFormationClient(std::shared_ptr<Client> client) : client_(std::move(client)) {}

  std::string create_stack(const StackRequest& request, std::stop_token stop = {});  // the stack's id
  StackUpdate update_stack(const StackRequest& request, std::stop_token stop = {});
  // By name or id; nothing when there is none.
  std::optional<Stack> find_stack(const std::string& name, std::stop_token stop = {});
  // Newest first, of at most so many pages of 100; nothing when there is no such stack.
  std::vector<StackEvent> list_events(const std::string& name, int max_pages, std::stop_token stop = {});

 private:
  std::string call(const std::string& action, std::vector<std::pair<std::string, std::string>> parameters,
                   std::stop_token stop);

  std::shared_ptr<Client> client_;
};

}  // namespace penstock::aws
