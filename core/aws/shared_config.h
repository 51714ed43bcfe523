// The files ~/.aws/config and ~/.aws/credentials. Source: AWS SDKs and Tools reference guide, "Shared config and
// credentials files".
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::aws {

// Looks a variable up; empty values count as unset.
using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

// Keys in lower case; an indented sub-key is "parent.child".
using ConfigSection = std::map<std::string, std::string>;

struct SharedConfig {
  std::map<std::string, ConfigSection> profiles;  // both files, the credentials file wins
  std::map<std::string, ConfigSection> services;  // [services x]
  const ConfigSection* find_profile(const std::string& name) const;
};

// By section name as written, without brackets. Error{kConfiguration} "reading WHAT:LINE: …" for a line that is none.
std::map<std::string, ConfigSection> parse_ini(std::string_view text, std::string_view what);

SharedConfig merge_shared_config(const std::map<std::string, ConfigSection>& config,
                                 const std::map<std::string, ConfigSection>& credentials);

// From AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE or below HOME. Missing files are empty.
SharedConfig load_shared_config(const VariableLookup& variable);

std::optional<std::string> find_value(const ConfigSection& section, const std::string& key);

}  // namespace penstock::aws
