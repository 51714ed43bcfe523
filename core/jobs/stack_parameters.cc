#include "core/jobs/stack_parameters.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::jobs {
namespace {

using json::Json;

constexpr std::array<std::string_view, 7> kMembers = {"stack",        "artifact", "file",   "parameters",
                                                      "capabilities", "tags",     "roleArn"};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kConfiguration, "reading the action's UserParameters: " + what);
}

std::string require_text(const Json& object, const char* member, const char* meaning) {
  const Json* value = json::find(object, member);
  if (value == nullptr) refuse(std::string("they must have ") + in_quotes(member) + ", " + meaning);
  if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
    refuse(in_quotes(member) + " must be a text, " + meaning);
  }
  return value->get<std::string>();
}

std::map<std::string, std::string> read_texts(const Json& object, const char* member) {
  std::map<std::string, std::string> result;
  const Json* value = json::find(object, member);
  if (value == nullptr) return result;
  if (!value->is_object()) refuse(in_quotes(member) + " must be an object of names and texts");
  for (const auto& [name, text] : value->items()) {
    if (text.is_structured() || text.is_null())
      refuse(in_quotes(member) + ": the value of " + in_quotes(name) + " must be a text");
    result[name] = text.is_string() ? text.get<std::string>() : json::dump(text);
  }
  return result;
}

bool is_stack_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return name.size() <= 128 && is_letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace

StackParameters parse_stack_parameters(const std::string& text) {
  if (text.empty()) refuse("there are none; they are JSON with \"stack\", \"artifact\" and \"file\"");
  Json object;
  try {
    object = json::parse_json(text, "them");
  } catch (const Error& error) {
    refuse(std::string("they are no JSON: ") + error.what());
  }
  if (!object.is_object()) refuse("they must be a JSON object");
  for (const auto& [name, value] : object.items()) {
    if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end()) {
      const auto nearest = nearest_name(name, std::vector<std::string>(kMembers.begin(), kMembers.end()));
      refuse(in_quotes(name) + " is not known" + (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
    }
  }
  StackParameters result;
  result.stack = require_text(object, "stack", "the stack's name");
  if (!is_stack_name(result.stack)) {
    refuse(
        "the stack's name has letters, digits and \"-\", begins with a letter and has at most 128 characters, found " +
        in_quotes(result.stack));
  }
  result.artifact = require_text(object, "artifact", "the name of the input artifact with the template");
  result.file = require_text(object, "file", "the template's path in the artifact");
  result.parameters = read_texts(object, "parameters");
  result.tags = read_texts(object, "tags");
  if (const Json* capabilities = json::find(object, "capabilities")) {
    if (!capabilities->is_array()) refuse("\"capabilities\" must be a list");
    for (const Json& capability : *capabilities) {
      const std::string name = capability.is_string() ? capability.get<std::string>() : "";
      if (name != "CAPABILITY_IAM" && name != "CAPABILITY_NAMED_IAM" && name != "CAPABILITY_AUTO_EXPAND") {
        refuse("\"capabilities\" may have CAPABILITY_IAM, CAPABILITY_NAMED_IAM and CAPABILITY_AUTO_EXPAND, found " +
               in_quotes(json::dump(capability)));
      }
      result.capabilities.push_back(name);
    }
  }
  if (json::find(object, "roleArn") != nullptr) {
    result.role_arn = require_text(object, "roleArn", "the ARN of the role that CloudFormation assumes");
  }
  return result;
}

}  // namespace penstock::jobs
