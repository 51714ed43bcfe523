// What the action's UserParameters ask of CloudFormation. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace penstock::jobs {

struct StackParameters {
  std::string stack, artifact, file;
  std::map<std::string, std::string> parameters, tags;
  std::vector<std::string> capabilities;
  std::string role_arn;
};

// Error{kConfiguration} that says what is wrong.
StackParameters parse_stack_parameters(const std::string& text);

}  // namespace penstock::jobs
