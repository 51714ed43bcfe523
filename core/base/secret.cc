#include "core/base/secret.h"

#include <cstring>

#include <strings.h>

namespace penstock {

void wipe(std::string& text) noexcept {
  // Up to the capacity: a string that shrank still holds its old tail.
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) {
  // A short string is copied by its move constructor, so the source still holds the bytes.
  other.wipe();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() noexcept {
  penstock::wipe(value_);
}

bool Secret::equals(std::string_view candidate) const noexcept {
  return equal_in_constant_time(value_, candidate);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  // Runs over all of b whatever a is. `volatile` keeps the compiler from leaving early.
  volatile unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const unsigned char other = a.empty() ? 0xff : static_cast<unsigned char>(a[i % a.size()]);
    difference = static_cast<unsigned char>(difference | (other ^ static_cast<unsigned char>(b[i])));
  }
  return difference == 0;
}

std::optional<SecretReference> SecretReference::parse(std::string_view text) {
  const auto after = [&](std::string_view prefix) -> std::optional<std::string> {
    if (!text.starts_with(prefix) || text.size() == prefix.size()) return std::nullopt;
    return std::string(text.substr(prefix.size()));
  };
  if (auto name = after("env:")) return SecretReference{Source::kEnvironment, *name, ""};
  if (auto path = after("file:")) return SecretReference{Source::kFile, *path, ""};
  if (auto id = after("secretsmanager:")) {
    const std::size_t hash = id->rfind('#');
    if (hash == std::string::npos) return SecretReference{Source::kSecretsManager, *id, ""};
    if (hash == 0 || hash + 1 == id->size()) return std::nullopt;
    return SecretReference{Source::kSecretsManager, id->substr(0, hash), id->substr(hash + 1)};
  }
  return std::nullopt;
}

std::string SecretReference::to_string() const {
  switch (source) {
    case Source::kEnvironment:
      return "env:" + name;
    case Source::kFile:
      return "file:" + name;
    case Source::kSecretsManager:
      return "secretsmanager:" + name + (json_key.empty() ? "" : "#" + json_key);
  }
  return "";
}

}  // namespace penstock
