// What CodePipeline's console sends a person along with, to set up a third-party action or to change one.
//
// Nothing proves where it comes from: whoever sends such a request chooses every byte of it. What is not as it should
// be is refused before anything is made of it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/secret.h"

namespace penstock::server::signup {

constexpr std::size_t kMaxRequestBytes = 16u << 10;

struct Request {
  std::string client_id;
  Secret client_token;
  std::string request_id;
  std::string region;
  std::string pipeline, stage, action;
  // As the action has it when it is changed; empty when it is new. Values may be secret.
  std::vector<std::pair<std::string, std::string>> configuration;

  const std::string* find(std::string_view property) const noexcept;
};

// Error{kInvalidInput} that names the member and what was expected, and never shows a value.
Request parse_request(std::string_view json);

// Whether a value may be in an action's configuration: at most 1,000 characters of UTF-8 without control characters.
bool is_configuration_value(std::string_view text) noexcept;

}  // namespace penstock::server::signup
