#include "core/authz/permissions.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::authz {
namespace {

// Time is at most the product of the lengths, both of which are bounded, and no recursion.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool verb_matches(std::string_view pattern, std::string_view verb) {
  return pattern == "*" || pattern == (verb == "HEAD" ? std::string_view("GET") : verb);
}

// In the spelling of canonical_path(), so that a denial cannot be evaded by another one.
std::string to_pattern(std::string_view resource) {
  std::string pattern;
  if (!resource.starts_with('/') && !resource.starts_with('*')) pattern = "/";
  for (std::size_t begin = 0; begin <= resource.size();) {
    const std::size_t star = std::min(resource.find('*', begin), resource.size());
    pattern += canonical_path(resource.substr(begin, star - begin));
    if (star < resource.size()) pattern += '*';
    begin = star + 1;
  }
  return pattern;
}

bool contains(const std::vector<std::string>& sorted, std::string_view text) {
  return std::binary_search(sorted.begin(), sorted.end(), text);
}

}  // namespace

std::string canonical_path(std::string_view path) {
  std::string canonical;
  canonical.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    const int high = c == '%' && i + 2 < path.size() ? hex_digit_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit_value(path[i + 2]) : -1;
    if (low >= 0) {
      c = static_cast<char>(high * 16 + low);
      canonical += percent_encode(std::string_view(&c, 1));  // a slash that was encoded separates nothing
      i += 2;
    } else if (c == '%') {
      canonical.push_back(c);
    } else {
      canonical += percent_encode(std::string_view(&c, 1), SlashMode::kKeep);
    }
  }
  return canonical;
}

Policy::Policy(const std::vector<Permission>& document, std::vector<std::string> scopes, RouteScopes route_scopes) {
  std::sort(scopes.begin(), scopes.end());
  for (const Permission& permission : document) {
    if (permission.scope != "*" && !contains(scopes, permission.scope)) continue;
    statements_.push_back({permission.effect, permission.http_verb, to_pattern(permission.resource)});
  }
  std::stable_partition(statements_.begin(), statements_.end(),
                        [](const Statement& statement) { return statement.effect == Effect::kDeny; });
  if (route_scopes == RouteScopes::kCount) route_scopes_ = std::move(scopes);
}

Policy::Verdict Policy::decide(const Operation& operation) const {
  for (const Statement& statement : statements_) {
    if (!verb_matches(statement.verb, operation.verb) || !matches(statement.resource, operation.resource)) continue;
    return statement.effect == Effect::kDeny ? Verdict::kExplicitDeny : Verdict::kAllow;
  }
  return !operation.route_scope.empty() && contains(route_scopes_, operation.route_scope) ? Verdict::kAllow
                                                                                          : Verdict::kDeny;
}

std::vector<std::string> scopes_for(const std::vector<Permission>& document, Policy::RouteScopes route_scopes,
                                    const Operation& operation) {
  std::vector<std::string> scopes;
  for (const Permission& permission : document) {
    if (permission.effect == Effect::kAllow && permission.scope != "*" &&
        verb_matches(permission.http_verb, operation.verb) &&
        matches(to_pattern(permission.resource), operation.resource)) {
      scopes.push_back(permission.scope);
    }
  }
  if (route_scopes == Policy::RouteScopes::kCount && !operation.route_scope.empty()) {
    scopes.emplace_back(operation.route_scope);
  }
  std::sort(scopes.begin(), scopes.end());
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  return scopes;
}

}  // namespace penstock::authz
