#include "core/aws/shared_config.h"

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

constexpr std::size_t kMaxFile = 4u << 20;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Cuts a comment that stands after white space.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((text[i] == '#' || text[i] == ';') && is_blank(text[i - 1])) return text.substr(0, i);
  }
  return text;
}

// "profile x", "profile \"x y\"" -> "x y"; empty when the section is of another kind.
std::optional<std::string> section_name(std::string_view section, std::string_view kind) {
  if (!section.starts_with(kind) || section.size() == kind.size() || !is_blank(section[kind.size()])) return {};
  std::string_view name = trim(section.substr(kind.size()));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  return std::string(name);
}

void merge(ConfigSection& into, const ConfigSection& from) {
  for (const auto& [key, value] : from) into[key] = value;
}

std::map<std::string, ConfigSection> load_ini(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_file(path, kMaxFile);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNotFound) return {};
    throw Error(ErrorKind::kConfiguration, error.what());
  }
  auto result = parse_ini(text, path.string());
  wipe(text);
  return result;
}

}  // namespace

const ConfigSection* SharedConfig::find_profile(const std::string& name) const {
  const auto found = profiles.find(name);
  return found == profiles.end() ? nullptr : &found->second;
}

std::map<std::string, ConfigSection> parse_ini(std::string_view text, std::string_view what) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::map<std::string, ConfigSection> sections;
  ConfigSection* section = nullptr;
  std::string key;  // the last one, which indented lines continue
  int number = 0;
  const auto refuse = [&](const char* expected) {
    // Not the line itself: it may hold a secret.
    throw Error(ErrorKind::kConfiguration,
                "reading " + std::string(what) + ":" + std::to_string(number) + ": expected " + expected);
  };
  for (const std::string& raw : split(text, '\n')) {
    ++number;
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view content = trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (is_blank(line.front()) && section != nullptr && !key.empty()) {
      const std::size_t equals = content.find('=');
      const std::string& parent = (*section)[key];
      if (parent.empty() && equals != std::string_view::npos) {
        const std::string child = key + "." + to_lower(trim(content.substr(0, equals)));
        (*section)[child] = std::string(trim(without_comment(content.substr(equals + 1))));
      } else {
        (*section)[key] += "\n" + std::string(content);
      }
      continue;
    }
    if (content.front() == '[') {
      const std::size_t end = content.find(']');
      if (end == std::string_view::npos) refuse("a ']'");
      section = &sections[std::string(trim(content.substr(1, end - 1)))];
      key.clear();
      continue;
    }
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos || equals == 0) refuse("\"key = value\"");
    if (section == nullptr) refuse("a [section] before the first key");
    key = to_lower(trim(content.substr(0, equals)));
    (*section)[key] = std::string(trim(without_comment(content.substr(equals + 1))));
  }
  return sections;
}

SharedConfig merge_shared_config(const std::map<std::string, ConfigSection>& config,
                                 const std::map<std::string, ConfigSection>& credentials) {
  SharedConfig result;
  if (const auto plain = config.find("default"); plain != config.end()) result.profiles["default"] = plain->second;
  for (const auto& [name, values] : config) {
    if (const auto profile = section_name(name, "profile")) {
      if (*profile == "default") result.profiles["default"].clear();  // [profile default] replaces [default]
      merge(result.profiles[*profile], values);
    }
    if (const auto services = section_name(name, "services")) merge(result.services[*services], values);
  }
  for (const auto& [name, values] : credentials) {
    merge(result.profiles[section_name(name, "profile").value_or(name)], values);
  }
  return result;
}

SharedConfig load_shared_config(const VariableLookup& variable) {
  const auto path = [&](const char* override, const char* name) -> std::filesystem::path {
    if (const auto value = variable(override)) {
      if (value->starts_with("~/")) return std::filesystem::path(variable("HOME").value_or("/")) / value->substr(2);
      return *value;
    }
    const auto home = variable("HOME");
    return home ? std::filesystem::path(*home) / ".aws" / name : std::filesystem::path();
  };
  const auto load = [](const std::filesystem::path& file) {
    return file.empty() ? std::map<std::string, ConfigSection>() : load_ini(file);
  };
  return merge_shared_config(load(path("AWS_CONFIG_FILE", "config")),
                             load(path("AWS_SHARED_CREDENTIALS_FILE", "credentials")));
}

std::optional<std::string> find_value(const ConfigSection& section, const std::string& key) {
  const auto found = section.find(key);
  return found == section.end() || found->second.empty() ? std::nullopt : std::optional(found->second);
}

}  // namespace penstock::aws
