// The definition of a custom action type, in the JSON that `aws codepipeline create-custom-action-type
// --cli-input-json` takes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/aws/codepipeline.h"

namespace penstock::server {

class ActionTypeDefinition {
 public:
  // The host of the definitions in deploy/action-types, to be replaced by that of the server that works the jobs.
  static constexpr std::string_view kExampleOrigin = "https://penstock.example.com";

  // Checks what the service documents (API reference, CreateCustomActionType) and what the console's links need.
  // `public_url` ("https://host", may be empty) takes the place of kExampleOrigin in links.
  // Error{kInvalidInput} tells all problems, a line each: `FILE: settings.entityUrlTemplate: …`.
  static ActionTypeDefinition parse(std::string_view text, const std::string& file, const std::string& public_url);

  const aws::ActionTypeId& id() const noexcept { return id_; }
  const std::string& json() const noexcept { return json_; }  // the input of CreateCustomActionType

  // In what an existing type, as the service tells it, is something else, a line each; empty = it is the same.
  // A type cannot be changed, and tags are not compared: the service does not tell them.
  std::vector<std::string> differences(std::string_view existing) const;

 private:
  aws::ActionTypeId id_;
  std::string json_;
};

}  // namespace penstock::server
