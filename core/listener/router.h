// Which handler a request goes to.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::listener {

// %XX decoded; nothing for a text whose encoding is broken. `plus_is_space` as in queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// "a=1&b" -> {{"a","1"},{"b",""}}; a part that cannot be decoded is left out. At most 100 parts.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

// Not thread-safe while routes are added; then only read.
class Router {
 public:
  // A pattern is a path whose segments are literal or {name}; {name} takes one segment that is not empty. Returns the
  // route's number.
  std::size_t add(std::string method, std::string_view pattern);

  struct Match {
    std::optional<std::size_t> route;   // nothing: 404, or 405 when `allow` is not empty
    std::vector<std::string> captures;  // percent-decoded
    std::string allow;                  // the methods of this path, for Allow; empty when there is no such path
  };
  // HEAD goes to the GET route.
  Match find(std::string_view method, std::string_view path) const;
  // All methods of all routes, for OPTIONS *.
  std::string all_methods() const;

 private:
  struct Route {
    std::string method;
    std::vector<std::optional<std::string>> segments;  // nothing = capture
  };
  std::vector<Route> routes_;
};

}  // namespace penstock::listener
