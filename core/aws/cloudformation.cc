#include "core/aws/cloudformation.h"

#include <utility>

#include "core/aws/xml.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters stack_parameters(const StackRequest& request) {
  Parameters result = {{"StackName", request.name}};
  if (request.template_url.empty()) {
    result.emplace_back("TemplateBody", request.template_body);
  } else {
    result.emplace_back("TemplateURL", request.template_url);
  }
  const auto add_pairs = [&](const std::string& list, const char* key, const char* value,
                             const std::map<std::string, std::string>& pairs) {
    int index = 0;
    for (const auto& [name, text] : pairs) {
      const std::string member = list + ".member." + std::to_string(++index) + ".";
      result.emplace_back(member + key, name);
      result.emplace_back(member + value, text);
    }
  };
  add_pairs("Parameters", "ParameterKey", "ParameterValue", request.parameters);
  add_pairs("Tags", "Key", "Value", request.tags);
  int index = 0;
  for (const std::string& capability : request.capabilities) {
    result.emplace_back("Capabilities.member." + std::to_string(++index), capability);
  }
  if (!request.role_arn.empty()) result.emplace_back("RoleARN", request.role_arn);
  if (!request.client_request_token.empty()) result.emplace_back("ClientRequestToken", request.client_request_token);
  return result;
}

bool is_missing_stack(const Error& error) {
  return error.code() == "ValidationError" &&
         std::string_view(error.what()).find("does not exist") != std::string::npos;
}

std::string text_of(std::string_view element, std::string_view path) {
  return find_xml_text(element, path).value_or("");
}

}  // namespace

std::string CloudFormationClient::call(const std::string& action, Parameters parameters, std::stop_token stop) {
  Client::Call call{.name = action};
  call.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  call.body = "Action=" + action + "&Version=2010-05-15";
  for (const auto& [name, value] : parameters) call.body += "&" + percent_encode(name) + "=" + percent_encode(value);
  call.stop = std::move(stop);
  return client_->send(call).body;
}

std::string CloudFormationClient::create_stack(const StackRequest& request, std::stop_token stop) {
  const std::string body = call("CreateStack", stack_parameters(request), std::move(stop));
  return text_of(body, "CreateStackResult/StackId");
}

StackUpdate CloudFormationClient::update_stack(const StackRequest& request, std::stop_token stop) {
  try {
    call("UpdateStack", stack_parameters(request), std::move(stop));
    return StackUpdate::kStarted;
  } catch (const Error& error) {
    // The only sign of it.
    if (error.code() == "ValidationError" &&
        std::string_view(error.what()).find("No updates are to be performed") != std::string_view::npos) {
      return StackUpdate::kNothingToDo;
    }
    throw;
  }
}

std::optional<Stack> CloudFormationClient::find_stack(const std::string& name, std::stop_token stop) {
  std::string body;
  try {
    body = call("DescribeStacks", {{"StackName", name}}, std::move(stop));
  } catch (const Error& error) {
    if (is_missing_stack(error)) return std::nullopt;
    throw;
  }
  const auto stacks = list_xml_elements(body, "DescribeStacksResult/Stacks", "member");
  if (stacks.empty()) return std::nullopt;
  Stack stack{.id = text_of(stacks[0], "StackId"), .name = text_of(stacks[0], "StackName")};
  stack.status = text_of(stacks[0], "StackStatus");
  stack.status_reason = text_of(stacks[0], "StackStatusReason");
  for (const std::string_view output : list_xml_elements(stacks[0], "Outputs", "member")) {
    stack.outputs[text_of(output, "OutputKey")] = text_of(output, "OutputValue");
  }
  if (stack.status.empty()) {
    throw Error(ErrorKind::kUnavailable, "calling cloudformation:DescribeStacks: the answer holds no status");
  }
  return stack;
}

std::vector<StackEvent> CloudFormationClient::list_events(const std::string& name, int max_pages,
                                                          std::stop_token stop) {
  std::vector<StackEvent> events;
  std::string token;
  for (int page = 0; page < max_pages; ++page) {
    Parameters parameters = {{"StackName", name}};
    if (!token.empty()) parameters.emplace_back("NextToken", token);
    std::string body;
    try {
      body = call("DescribeStackEvents", std::move(parameters), stop);
    } catch (const Error& error) {
      if (is_missing_stack(error)) return events;
      throw;
    }
    for (const std::string_view event : list_xml_elements(body, "DescribeStackEventsResult/StackEvents", "member")) {
      events.push_back({.resource = text_of(event, "LogicalResourceId"),
                        .resource_type = text_of(event, "ResourceType"),
                        .status = text_of(event, "ResourceStatus"),
                        .reason = text_of(event, "ResourceStatusReason"),
                        .client_request_token = text_of(event, "ClientRequestToken")});
    }
    token = text_of(body, "DescribeStackEventsResult/NextToken");
    if (token.empty()) break;
  }
  return events;
}

}  // namespace penstock::aws
