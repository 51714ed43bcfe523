#include "core/listener/router.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::listener {
namespace {

constexpr std::size_t kMaxQueryParts = 100;

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    if (end == path.size()) return segments;
    path.remove_prefix(end + 1);
  }
}

void add_method(std::string& list, std::string_view method) {
  if (!list.empty()) list += ", ";
  list += method;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit_value(text[i + 1]), low = hex_digit_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parts;
  while (!query.empty() && parts.size() < kMaxQueryParts) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = percent_decode(part.substr(std::min(equals + 1, part.size())), true);
    if (name && value) parts.emplace_back(std::move(*name), std::move(*value));
  }
  return parts;
}

std::size_t Router::add(std::string method, std::string_view pattern) {
  Route route{std::move(method), {}};
  for (const std::string_view segment : split_path(pattern)) {
    route.segments.push_back(segment.starts_with('{') ? std::nullopt : std::optional(std::string(segment)));
  }
  routes_.push_back(std::move(route));
  return routes_.size() - 1;
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  const std::vector<std::string_view> segments = split_path(path);
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  Match match;
  for (std::size_t number = 0; number < routes_.size(); ++number) {
    const Route& route = routes_[number];
    if (route.segments.size() != segments.size()) continue;
    const bool fits = std::equal(segments.begin(), segments.end(), route.segments.begin(),
                                 [](std::string_view segment, const std::optional<std::string>& pattern) {
                                   return pattern ? segment == *pattern : !segment.empty();
                                 });
    if (!fits) continue;
    if (route.method != "OPTIONS") add_method(match.allow, route.method);
    if (route.method == "GET") add_method(match.allow, "HEAD");
    if (match.route || route.method != wanted) continue;
    match.captures.clear();
    bool decodable = true;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (route.segments[i]) continue;
      auto decoded = percent_decode(segments[i]);
      decodable = decodable && decoded;
      match.captures.push_back(decoded.value_or(""));
    }
    if (decodable) match.route = number;
  }
  if (!match.allow.empty()) add_method(match.allow, "OPTIONS");
  return match;
}

std::string Router::all_methods() const {
  std::vector<std::string_view> methods;
  for (const Route& route : routes_) {
    if (route.method != "OPTIONS") methods.push_back(route.method);
    if (route.method == "GET") methods.push_back("HEAD");
  }
  std::sort(methods.begin(), methods.end());
  methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
  std::string list;
  for (const std::string_view method : methods) add_method(list, method);
  add_method(list, "OPTIONS");
  return list;
}

}  // namespace penstock::listener
