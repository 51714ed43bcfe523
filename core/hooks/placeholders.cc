#include "core/hooks/placeholders.h"

#include <algorithm>

#include "core/hooks/glob.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxName = 50;  // ActionConfigurationKey

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxName || text.front() == ' ' || text.back() == ' ') return false;
  bool only_digits = true;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!digit && !letter && std::string_view("_.@- ").find(c) == std::string_view::npos) return false;
    only_digits = only_digits && digit;
  }
  return !only_digits;
}

// How many characters from `at` on belong together and hold no placeholder; 0 when a placeholder may begin here.
std::size_t skip_length(std::string_view text, std::size_t at, PlaceholderSyntax syntax) noexcept {
  if (syntax == PlaceholderSyntax::kText || text[at] != '\\') return 0;
  const auto rest = text.substr(at);
  if (syntax == PlaceholderSyntax::kRegex && rest.size() > 2) {
    if (rest[1] == 'Q') {
      const auto end = rest.find("\\E", 2);
      return end == std::string_view::npos ? rest.size() : end + 2;
    }
    if ((rest[1] == 'p' || rest[1] == 'P' || rest[1] == 'x') && rest[2] == '{') {
      const auto close = rest.find('}');
      return close == std::string_view::npos ? rest.size() : close + 1;
    }
  }
  return std::min<std::size_t>(2, rest.size());
}

// Calls `plain` for pieces of text and `placeholder` for names, in order.
template <typename Plain, typename Placeholder>
void scan(std::string_view text, PlaceholderSyntax syntax, const Plain& plain, const Placeholder& placeholder) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (const auto skip = skip_length(text, at, syntax); skip > 0) {
      plain(text.substr(at, skip));
      at += skip;
      continue;
    }
    if (text[at] == '{') {
      const auto close = text.find('}', at);
      if (close != std::string_view::npos && is_name(text.substr(at + 1, close - at - 1))) {
        placeholder(text.substr(at + 1, close - at - 1));
        at = close + 1;
        continue;
      }
    }
    plain(text.substr(at, 1));
    ++at;
  }
}

std::string escape_regex(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (c == '\0') {
      escaped += "\\x00";
      continue;
    }
    if (!word && byte < 0x80) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string escape(std::string_view text, PlaceholderSyntax syntax) {
  switch (syntax) {
    case PlaceholderSyntax::kText:
      return std::string(text);
    case PlaceholderSyntax::kGlob:
      return escape_glob(text);
    case PlaceholderSyntax::kRegex:
      return escape_regex(text);
  }
  return {};
}

}  // namespace

std::vector<std::string> find_placeholders(std::string_view text, PlaceholderSyntax syntax) {
  std::vector<std::string> names;
  scan(
      text, syntax, [](std::string_view) {},
      [&](std::string_view name) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
      });
  return names;
}

std::string fill_placeholders(std::string_view text, PlaceholderSyntax syntax, const PlaceholderValue& value) {
  std::string filled;
  scan(
      text, syntax, [&](std::string_view piece) { filled += piece; },
      [&](std::string_view name) {
        if (const auto found = value(std::string(name))) {
          filled += escape(*found, syntax);
        } else {
          (filled += '{').append(name) += '}';
        }
      });
  return filled;
}

}  // namespace penstock::hooks
