// The pages that a person sees who sets up a third-party action.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "core/listener/message.h"
#include "server/signup/request.h"

namespace penstock::server::signup {

struct Form {
  std::string path, id, form_token;
  std::string provider;
  // Where the form may lead: scheme, host and port of the confirmation address.
  std::string confirmation_origin;
  std::vector<config::ThirdPartyProperty> properties;
  std::map<std::string, std::string> values;    // by property; of secret ones never
  std::map<std::string, std::string> problems;  // by property: what is wrong with what was filled in
};

// The name of a property's field.
std::string field_name(std::string_view property);

listener::Response show_form(const Form& form, const Request& request);
listener::Response show_message(int status, std::string_view title, std::string_view text);

}  // namespace penstock::server::signup
