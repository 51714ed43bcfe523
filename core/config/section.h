// Reads one mapping of the configuration: each value with its default, its checks and where it came from; at the end
// the keys that nobody asked for are reported with the nearest known name.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "core/config/yaml.h"

namespace penstock::config {

// What reading finds, in order of reading.
class Report {
 public:
  explicit Report(std::filesystem::path file) : file_(std::move(file)) {}
  void add_problem(int line, std::string path, std::string message);
  void add_value(std::string path, std::string value, int line);  // line 0 = the default
  std::vector<Problem> take_problems();                           // by line
  std::vector<EffectiveValue> take_values() { return std::move(values_); }

 private:
  std::filesystem::path file_;
  std::vector<Problem> problems_;
  std::vector<EffectiveValue> values_;
};

// "a text", "a list", …: for "expected …, found …" where the shape is wrong. Never the text itself: it may be a secret
// at the wrong place.
std::string kind_of(const YamlNode& node);

class Section {
 public:
  // A null node is an absent section: everything in it has its default.
  Section(Report& report, const YamlNode* node, int line, std::string path);
  Section(Section&&) = default;
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  bool present() const noexcept { return node_ != nullptr; }
  const std::string& path() const noexcept { return path_; }
  std::string path_of(std::string_view key) const;
  int line() const noexcept { return line_; }
  int line_of(std::string_view key) const;  // of the key; of the section when it is absent
  bool has(std::string_view key) const;     // present and not null

  // Each replaces `target` by what the file says, and leaves it as it is, the default, when the file says nothing or
  // something wrong (which is reported). `check` returns what was expected when the value is wrong.
  using TextCheck = std::function<std::optional<std::string>(const std::string&)>;
  void read(std::string_view key, std::string& target, const TextCheck& check = {});
  void read(std::string_view key, std::optional<std::string>& target, const TextCheck& check = {});
  void read(std::string_view key, bool& target);
  void read_integer(std::string_view key, int& target, int least, int most);
  void read_duration(std::string_view key, std::chrono::milliseconds& target, std::chrono::milliseconds least,
                     std::chrono::milliseconds most);
  void read_bytes(std::string_view key, std::uint64_t& target, std::uint64_t least, std::uint64_t most);
  void read_choice(std::string_view key, std::string& target, const std::vector<std::string>& choices);
  void read_list(std::string_view key, std::vector<std::string>& target, const TextCheck& check = {});
  void read_map(std::string_view key, std::map<std::string, std::string>& target, const TextCheck& key_check = {});
  // The same, and reports a missing or empty value.
  void require(std::string_view key, std::string& target, const TextCheck& check = {});
  // {secret: "env:NAME"} or "env:NAME". Required; a literal is refused without being shown.
  SecretReference require_secret(std::string_view key);

  Section section(std::string_view key);
  void for_each_item(std::string_view key, const std::function<void(Section)>& read_item);
  void for_each_entry(std::string_view key, const std::function<void(const std::string& name, Section)>& read_entry);

  // Raw access for values of several shapes; marks the key as known. Null when absent.
  const YamlNode* take(std::string_view key);
  void ignore(std::initializer_list<std::string_view> keys);
  // Keys that a later version understands: an error, because what they ask for would not happen. A value that asks for
  // what happens anyway is accepted.
  void not_supported(std::string_view key, std::string_view accepted = {});

  void problem(std::string_view key, std::string message);
  void note_value(std::string_view key, std::string_view value);  // user information in URLs is left out
  // Reports unknown keys; call last.
  void finish();

 private:
  const YamlEntry* find(std::string_view key);
  // The scalar's text; nothing, and perhaps a problem, otherwise.
  std::optional<std::string> take_text(std::string_view key, std::string_view expected);

  Report& report_;
  const YamlNode* node_;
  int line_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace penstock::config
