// Values that must never be seen, and references to where they are kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// A secret value. Not printable, wiped on destruction, compared in constant time. Copies are allowed and wiped too.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The only way to the value. What is made of it is the caller's to keep out of logs.
  std::string_view reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

  // Takes the same time wherever the two differ; only the length of `candidate` can be told from it.
  bool equals(std::string_view candidate) const noexcept;

 private:
  void wipe() noexcept;
  std::string value_;
};

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

// Overwrites the bytes in a way that the compiler may not remove, and empties the string.
void wipe(std::string& text) noexcept;

// `env:NAME`, `file:PATH` or `secretsmanager:ID[#jsonKey]`: what a configuration holds in place of a secret.
struct SecretReference {
  enum class Source { kEnvironment, kFile, kSecretsManager };
  Source source = Source::kEnvironment;
  std::string name;      // variable name, path, or secret id
  std::string json_key;  // secretsmanager only; empty = the whole value

  // Empty when the text is not a reference.
  static std::optional<SecretReference> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const SecretReference&) const = default;
};

}  // namespace penstock
