// How the system's git is started: in an environment that holds nothing but what we put there.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/process.h"

namespace penstock::git {

// Settings for one run of git, as `git -c` would give them; in the environment, where `ps` does not show them.
class GitSettings {
 public:
  void set(std::string key, std::string value) { values_.emplace_back(std::move(key), std::move(value)); }
  void write_to(std::map<std::string, std::string>& environment) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// The environment of every git that we start: no configuration of the system or the user, no prompts, no hooks, English
// messages, this repository and no other.
std::map<std::string, std::string> git_environment(const std::filesystem::path& repository);

}  // namespace penstock::git
