#include "tests/sandbox/cloudformation.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

using json::Json;

constexpr std::size_t kMaxBody = 51'200, kMaxObject = 1'048'576;

[[noreturn]] void invalid(const std::string& message) {
  throw ServiceError(400, "ValidationError", message);
}

std::string text(const Form& form, const std::string& name) {
  const auto found = form.find(name);
  return found == form.end() ? "" : found->second;
}

std::map<std::string, std::string> pairs(const Form& form, const std::string& list, const std::string& key,
                                         const std::string& value) {
  std::map<std::string, std::string> result;
  for (int i = 1;; ++i) {
    const std::string member = list + ".member." + std::to_string(i) + ".";
    if (!form.contains(member + key)) return result;
    if (!result.emplace(text(form, member + key), text(form, member + value)).second) {
      invalid(list + " holds " + text(form, member + key) + " twice");
    }
  }
}

// A whole template; of YAML only that it has resources.
Json parse_template(const std::string& content) {
  if (trim(content).starts_with("{")) {
    Json parsed = Json::parse(content, nullptr, false);
    if (parsed.is_discarded()) invalid("Template format error: JSON not well-formed.");
    return parsed;
  }
  if (content.find("\nResources:") == std::string::npos && !content.starts_with("Resources:")) {
    invalid("Template format error: At least one Resources member must be defined.");
  }
  return Json{{"Resources", {{"Yaml", {{"Type", "AWS::SNS::Topic"}}}}}};
}

bool is_updatable(const std::string& status) {
  static const std::set<std::string> kStates = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"};
  return kStates.contains(status);
}

std::string seconds_only(std::int64_t milliseconds) {
  return format_rfc3339(from_milliseconds(milliseconds));
}

}  // namespace

struct CloudFormation::Order {
  std::string name, content, token;
  std::map<std::string, std::string> parameters, tags, outputs;
  std::vector<std::pair<std::string, std::string>> resources;
  std::string failing_resource, failing_type, failure;
};

CloudFormation::Order CloudFormation::read_order(const Form& form) const {
  Order order;
  order.name = text(form, "StackName");
  static const Regex kName(R"([a-zA-Z][-a-zA-Z0-9]{0,127}|arn:.+)");
  if (!kName.matches_whole(order.name)) {
    invalid("1 validation error detected: Value '" + order.name +
            "' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z][-a-zA-Z0-9]*");
  }
  order.token = text(form, "ClientRequestToken");
  static const Regex kToken(R"([a-zA-Z0-9][-a-zA-Z0-9]{0,127})");
  if (!order.token.empty() && !kToken.matches_whole(order.token)) invalid("The ClientRequestToken is not valid");
  if (const std::string role = text(form, "RoleARN");
      !role.empty() && (role.size() < 20 || !role.starts_with("arn:"))) {
    invalid("Role " + role + " is invalid or cannot be assumed");
  }
  order.content = text(form, "TemplateBody");
  const std::string url = text(form, "TemplateURL");
  if (order.content.empty() == url.empty()) invalid("Either Template URL or Template Body must be specified.");
  if (order.content.size() > kMaxBody) {
    invalid(
        "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length "
        "less than or equal to 51200");
  }
  if (!url.empty()) {
    // Path style: http://host/bucket/key
    const std::size_t host = url.find("://"), slash = url.find('/', host == std::string::npos ? 0 : host + 3);
    const std::size_t key = slash == std::string::npos ? slash : url.find('/', slash + 1);
    if (host == std::string::npos || key == std::string::npos) invalid("TemplateURL must be a supported URL.");
    const auto object =
        read_object_(url.substr(slash + 1, key - slash - 1), percent_decode(url.substr(key + 1)).value_or(""));
    if (!object) invalid("S3 error: The specified key does not exist.");
    if (object->size() > kMaxObject) invalid("Template may not exceed 1000000 bytes in size.");
    order.content = *object;
  }
  order.parameters = pairs(form, "Parameters", "ParameterKey", "ParameterValue");
  order.tags = pairs(form, "Tags", "Key", "Value");
  if (order.tags.size() > 50) invalid("At most 50 tags");
  std::set<std::string> capabilities;
  for (int i = 1; form.contains("Capabilities.member." + std::to_string(i)); ++i) {
    capabilities.insert(text(form, "Capabilities.member." + std::to_string(i)));
  }

  const Json content = parse_template(order.content);
  const Json* resources = json::find(content, "Resources");
  if (resources == nullptr || !resources->is_object() || resources->empty()) {
    invalid("Template format error: At least one Resources member must be defined.");
  }
  std::map<std::string, std::string> values = order.parameters;
  const Json* declared = json::find(content, "Parameters");
  std::string unknown, missing;
  for (const auto& [name, value] : order.parameters) {
    if (declared == nullptr || !declared->contains(name)) unknown += (unknown.empty() ? "" : ", ") + name;
  }
  if (!unknown.empty()) invalid("Parameters: [" + unknown + "] do not exist in the template");
  if (declared != nullptr) {
    for (const auto& [name, declaration] : declared->items()) {
      if (values.contains(name)) continue;
      const Json* fallback = json::find(declaration, "Default");
      if (fallback == nullptr) {
        missing += (missing.empty() ? "" : ", ") + name;
      } else {
        values[name] = fallback->is_string() ? fallback->get<std::string>() : fallback->dump();
      }
    }
  }
  if (!missing.empty()) invalid("Parameters: [" + missing + "] must have values");
  for (const auto& [name, resource] : resources->items()) {
    const std::string type = json::string_or(resource, "Type");
    if (type.empty())
      invalid("Template format error: [/Resources/" + name + "] Every Resources object must contain a Type member.");
    if (type.starts_with("AWS::IAM::") && !capabilities.contains("CAPABILITY_IAM") &&
        !capabilities.contains("CAPABILITY_NAMED_IAM")) {
      throw ServiceError(400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]");
    }
    order.resources.emplace_back(name, type);
    const Json* properties = json::find(resource, "Properties");
    const std::string failure = properties == nullptr ? "" : json::string_or(*properties, "SandboxFailure");
    if (!failure.empty() && order.failure.empty()) {
      order.failing_resource = name;
      order.failing_type = type;
      order.failure = failure;
    }
  }
  if (const Json* outputs = json::find(content, "Outputs")) {
    for (const auto& [name, output] : outputs->items()) {
      const Json* value = json::find(output, "Value");
      if (value == nullptr) invalid("Template format error: Output " + name + " has no value");
      const std::string reference = json::string_or(*value, "Ref");
      order.outputs[name] = value->is_string()           ? value->get<std::string>()
                            : values.contains(reference) ? values.at(reference)
                                                         : order.name + "-" + reference;
    }
  }
  return order;
}

CloudFormation::Stack* CloudFormation::find(const std::string& name) {
  for (auto stack = stacks_.rbegin(); stack != stacks_.rend(); ++stack) {
    advance(*stack);
    if (stack->id == name || (stack->name == name && stack->status != "DELETE_COMPLETE")) return &*stack;
  }
  return nullptr;
}

void CloudFormation::add_event(Stack& stack, const std::string& resource, const std::string& type,
                               const std::string& status, const std::string& reason) {
  stack.events.push_back({make_uuid_v4(), resource, type, status, reason, stack.token, now()});
}

void CloudFormation::begin(Stack& stack, Order order, const std::string& status) {
  stack.status = status;
  stack.begun = now();
  stack.token = order.token;
  stack.next_outputs = std::move(order.outputs);
  stack.resources = std::move(order.resources);
  stack.failing_resource = order.failing_resource;
  stack.failing_type = order.failing_type;
  stack.failure = order.failure;
  if (stack.failure.empty()) {
    stack.template_text = std::move(order.content);
    stack.parameters = std::move(order.parameters);
    stack.tags = std::move(order.tags);
  }
  add_event(stack, stack.name, "AWS::CloudFormation::Stack", status, "User Initiated");
  const std::string verb = status.substr(0, status.find('_'));
  for (const auto& [name, type] : stack.resources) add_event(stack, name, type, verb + "_IN_PROGRESS");
}

// An operation takes stackSeconds; one that fails does so after half of that and rolls back in the other half.
void CloudFormation::advance(Stack& stack) {
  if (!stack.status.ends_with("_IN_PROGRESS")) return;
  const auto whole = settings_.stack_duration.load().count();
  const bool is_update = stack.status.starts_with("UPDATE");
  const std::string verb = is_update ? "UPDATE" : "CREATE";
  const bool is_rolling_back = stack.status.find("ROLLBACK") != std::string::npos;
  if (!stack.failure.empty() && !is_rolling_back && now() >= stack.begun + whole / 2) {
    add_event(stack, stack.failing_resource, stack.failing_type, verb + "_FAILED", stack.failure);
    for (const auto& [name, type] : stack.resources) {
      if (name != stack.failing_resource) add_event(stack, name, type, verb + "_FAILED", "Resource creation cancelled");
    }
    stack.status = is_update ? "UPDATE_ROLLBACK_IN_PROGRESS" : "ROLLBACK_IN_PROGRESS";
    add_event(stack, stack.name, "AWS::CloudFormation::Stack", stack.status,
              "The following resource(s) failed: [" + stack.failing_resource + "]. ");
  }
  if (now() < stack.begun + whole) return;
  if (stack.failure.empty()) {
    for (const auto& [name, type] : stack.resources) add_event(stack, name, type, verb + "_COMPLETE");
    stack.outputs = stack.next_outputs;
    stack.status = verb + "_COMPLETE";
  } else {
    stack.status = is_update ? "UPDATE_ROLLBACK_COMPLETE" : "ROLLBACK_COMPLETE";
  }
  add_event(stack, stack.name, "AWS::CloudFormation::Stack", stack.status);
}

std::string CloudFormation::create(const Form& form, const std::string& account, const std::string& region) {
  Order order = read_order(form);
  if (Stack* known = find(order.name)) {
    // The same call again.
    if (!order.token.empty() && known->token == order.token) return "<StackId>" + escape_xml(known->id) + "</StackId>";
    throw ServiceError(400, "AlreadyExistsException", "Stack [" + order.name + "] already exists");
  }
  Stack stack;
  stack.name = order.name;
  stack.id = "arn:aws:cloudformation:" + region + ":" + account + ":stack/" + order.name + "/" + make_uuid_v4();
  begin(stack, std::move(order), "CREATE_IN_PROGRESS");
  stacks_.push_back(std::move(stack));
  return "<StackId>" + escape_xml(stacks_.back().id) + "</StackId>";
}

std::string CloudFormation::update(const Form& form) {
  Order order = read_order(form);
  Stack* stack = find(order.name);
  if (stack == nullptr) invalid("Stack [" + order.name + "] does not exist");
  if (!order.token.empty() && stack->token == order.token) return "<StackId>" + escape_xml(stack->id) + "</StackId>";
  if (!is_updatable(stack->status)) {
    invalid("Stack:" + stack->id + " is in " + stack->status + " state and can not be updated.");
  }
  if (order.content == stack->template_text && order.parameters == stack->parameters && order.tags == stack->tags) {
    invalid("No updates are to be performed.");
  }
  begin(*stack, std::move(order), "UPDATE_IN_PROGRESS");
  return "<StackId>" + escape_xml(stack->id) + "</StackId>";
}

CloudFormation::Stack& CloudFormation::get(const Form& form) {
  const std::string name = text(form, "StackName");
  if (name.empty()) invalid("StackName is required here");
  Stack* stack = find(name);
  if (stack == nullptr) invalid("Stack with id " + name + " does not exist");
  return *stack;
}

std::string CloudFormation::describe(const Form& form) {
  const Stack& stack = get(form);
  std::string result = "<Stacks><member><StackId>" + escape_xml(stack.id) + "</StackId><StackName>" + stack.name +
                       "</StackName><CreationTime>" + seconds_only(stack.events.front().at) +
                       "</CreationTime><StackStatus>" + stack.status + "</StackStatus><Parameters>";
  for (const auto& [name, value] : stack.parameters) {
    result += "<member><ParameterKey>" + escape_xml(name) + "</ParameterKey><ParameterValue>" + escape_xml(value) +
              "</ParameterValue></member>";
  }
  result += "</Parameters><Tags>";
  for (const auto& [name, value] : stack.tags) {
    result += "<member><Key>" + escape_xml(name) + "</Key><Value>" + escape_xml(value) + "</Value></member>";
  }
  result += "</Tags><Outputs>";
  for (const auto& [name, value] : stack.outputs) {
    result += "<member><OutputKey>" + escape_xml(name) + "</OutputKey><OutputValue>" + escape_xml(value) +
              "</OutputValue></member>";
  }
  return result + "</Outputs></member></Stacks>";
}

std::string CloudFormation::describe_events(const Form& form) {
  constexpr std::size_t kPage = 5;  // small, so that readers meet several
  const Stack& stack = get(form);
  const std::size_t begin = parse_unsigned(text(form, "NextToken")).value_or(0);
  std::string result = "<StackEvents>";
  for (std::size_t i = begin; i < std::min(begin + kPage, stack.events.size()); ++i) {
    const Event& event = stack.events[stack.events.size() - 1 - i];
    result += "<member><StackId>" + escape_xml(stack.id) + "</StackId><EventId>" + event.id + "</EventId><StackName>" +
              stack.name + "</StackName><LogicalResourceId>" + escape_xml(event.resource) +
              "</LogicalResourceId><ResourceType>" + escape_xml(event.type) + "</ResourceType><Timestamp>" +
              seconds_only(event.at) + "</Timestamp><ResourceStatus>" + event.status + "</ResourceStatus>";
    if (!event.reason.empty()) {
      result += "<ResourceStatusReason>" + escape_xml(event.reason) + "</ResourceStatusReason>";
    }
    if (!event.token.empty()) result += "<ClientRequestToken>" + event.token + "</ClientRequestToken>";
    result += "</member>";
  }
  result += "</StackEvents>";
  if (begin + kPage < stack.events.size()) result += "<NextToken>" + std::to_string(begin + kPage) + "</NextToken>";
  return result;
}

std::string CloudFormation::remove(const Form& form) {
  if (Stack* stack = find(text(form, "StackName"))) stack->status = "DELETE_COMPLETE";
  return "";
}

Response CloudFormation::call(const Form& form, const std::string& account, const std::string& region) {
  const std::string action = text(form, "Action");
  if (text(form, "Version") != "2010-05-15") {
    throw ServiceError(400, "InvalidAction", "Could not find operation " + action + " for the given version");
  }
  std::lock_guard lock(mutex_);
  std::string result;
  if (action == "CreateStack") {
    result = create(form, account, region);
  } else if (action == "UpdateStack") {
    result = update(form);
  } else if (action == "DescribeStacks") {
    result = describe(form);
  } else if (action == "DescribeStackEvents") {
    result = describe_events(form);
  } else if (action == "DeleteStack") {
    result = remove(form);
  } else {
    throw ServiceError(400, "InvalidAction", "Could not find operation " + action);
  }
  Response response;
  response.headers.push_back({"Content-Type", "text/xml"});
  response.body = "<" + action + "Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><" + action +
                  "Result>" + result + "</" + action + "Result><ResponseMetadata><RequestId>" + make_uuid_v4() +
                  "</RequestId></ResponseMetadata></" + action + "Response>";
  return response;
}

}  // namespace penstock::sandbox
