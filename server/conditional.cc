#include "server/conditional.h"

#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::server {
namespace {

// Weak comparison, as If-None-Match asks for. What is no list of entity tags matches nothing.
bool knows(std::string_view known, std::string_view tag) {
  if (trim(known) == "*") return true;
  while (!known.empty()) {
    if (known.front() == ' ' || known.front() == '\t' || known.front() == ',') {
      known.remove_prefix(1);
      continue;
    }
    if (known.starts_with("W/")) known.remove_prefix(2);
    if (!known.starts_with('"')) return false;
    const std::size_t end = known.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (known.substr(0, end + 1) == tag) return true;
    known.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

void add_entity_tag(const listener::Request& request, listener::Response& response) {
  if (response.status != 200 || response.stream || (request.method != "GET" && request.method != "HEAD")) return;
  const std::string tag = '"' + sha256_hex(response.body).substr(0, 32) + '"';
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.headers.emplace_back("Vary", "Authorization, Cookie, Accept");
  const auto known = request.header("If-None-Match");
  if (!known || !knows(*known, tag)) return;
  response.status = 304;
  response.body.clear();
}

}  // namespace penstock::server
