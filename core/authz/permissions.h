// Who may do what: a document of permissions, and the complete policy that it gives to a set of scopes. Pure.
//
// A policy does not depend on the request, so one that was made for a token answers every request with it. Nothing that
// matches is a denial, and a denial beats every permission.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::authz {

enum class Effect { kAllow, kDeny };

struct Permission {
  std::string scope;      // exact; "*" = whoever has proved who he is
  std::string http_verb;  // "GET", upper case; "*" = any
  // '*' stands for any text, slashes included. A resource without a slash in front gets one.
  std::string resource;
  Effect effect = Effect::kAllow;
  bool operator==(const Permission&) const = default;
};

struct Operation {
  std::string_view verb;      // HEAD is asked for as GET
  std::string_view resource;  // canonical_path()
  // What the route asks for by itself, without any document: "history.read".
  std::string_view route_scope;
};

// One spelling for each path: what need not be percent-encoded is not, all else is, in upper case. An escape that is
// none stays as it is.
std::string canonical_path(std::string_view path);

// Immutable and thread-safe.
class Policy {
 public:
  enum class Verdict { kAllow, kDeny, kExplicitDeny };

  // With `route_scopes` a scope also allows the routes that ask for it by its name.
  enum class RouteScopes { kCount, kIgnore };
  Policy() = default;
  Policy(const std::vector<Permission>& document, std::vector<std::string> scopes, RouteScopes route_scopes);

  Verdict decide(const Operation& operation) const;

 private:
  struct Statement {
    Effect effect;
    std::string verb, resource;
  };
  std::vector<Statement> statements_;      // denials first
  std::vector<std::string> route_scopes_;  // sorted; empty when they do not count
};

// The scopes that would allow the operation, sorted: what to tell somebody who lacks them.
std::vector<std::string> scopes_for(const std::vector<Permission>& document, Policy::RouteScopes route_scopes,
                                    const Operation& operation);

}  // namespace penstock::authz
