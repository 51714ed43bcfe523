#include "core/git/command.h"

#include <cstdlib>

namespace penstock::git {

void GitSettings::write_to(std::map<std::string, std::string>& environment) const {
  environment["GIT_CONFIG_COUNT"] = std::to_string(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    environment["GIT_CONFIG_KEY_" + std::to_string(i)] = values_[i].first;
    environment["GIT_CONFIG_VALUE_" + std::to_string(i)] = values_[i].second;
  }
}

std::map<std::string, std::string> git_environment(const std::filesystem::path& repository) {
  const char* path = std::getenv("PATH");
  return {
      {"PATH", path != nullptr && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin"},
      // An explicit GIT_DIR also keeps git from looking for a repository further up, and from judging its owner.
      {"GIT_DIR", repository.native()},
      {"HOME", "/nonexistent"},
      {"XDG_CONFIG_HOME", "/nonexistent"},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_ATTR_NOSYSTEM", "1"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_ASKPASS", ""},  // set and empty: nothing is asked, and git does not look for SSH_ASKPASS either
      {"GIT_OPTIONAL_LOCKS", "0"},
      // What an object is called must not depend on the defaults of a later git.
      {"GIT_DEFAULT_HASH", "sha1"},
      {"GIT_DEFAULT_REF_FORMAT", "files"},
      {"GIT_NO_REPLACE_OBJECTS", "1"},
      {"LC_ALL", "C"},
      {"LANGUAGE", "C"},
  };
}

}  // namespace penstock::git
