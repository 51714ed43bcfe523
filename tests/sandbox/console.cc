// A console for third-party actions, as far as a browser needs one: /_sandbox/console has the Connect button that posts
// to the provider's page, /_sandbox/console/confirm is where that page leads back to.
#include <map>

#include "core/base/text.h"
#include "tests/sandbox/sandbox.h"

namespace penstock::sandbox {
namespace {

using json::Json;

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

Response page(int status, const std::string& title, const std::string& content) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/html; charset=utf-8"});
  response.body =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\"><title>" +
      escape(title) + "</title><h1>" + escape(title) + "</h1>" + content + "</html>";
  return response;
}

std::string field(const std::string& name, const std::string& value) {
  return "<input type=\"hidden\" name=\"" + name + "\" value=\"" + escape(value) + "\">";
}

}  // namespace

Response Sandbox::handle_console(Request& request) {
  if (!request.from_loopback) throw ServiceError(403, "AccessDenied", "/_sandbox/ is for this machine only");
  std::map<std::string, std::string> query;
  for (const auto& [name, value] : parse_query(request.query, Protocol::kJson)) query[name] = value;
  if (request.method != "GET") throw ServiceError(405, "MethodNotAllowed", "only GET");
  if (request.path == "/_sandbox/console") {
    const auto ask = codepipeline_->connect({.pipeline = query["pipeline"],
                                             .stage = query["stage"],
                                             .action = query["action"],
                                             .action_type = query["type"],
                                             .region = query.contains("region") ? query["region"] : "eu-central-1"});
    const auto url = ask.at("url").get<std::string>();
    const auto json = json::dump(ask.at("request"));
    // AWS sends the request in the address of a POST; a GET and a body are what a provider may meet as well.
    const auto place = query.contains("place") ? query["place"] : "query";
    const bool in_address = place == "query";
    return page(200, query["action"],
                "<form method=\"" + std::string(place == "get" ? "get" : "post") + "\" action=\"" +
                    escape(in_address ? url + "?request=" + percent_encode(json) : url) + "\">" +
                    (in_address ? "" : field("request", json)) + "<button>Connect</button></form>");
  }
  if (request.path == "/_sandbox/console/confirm") {
    try {
      const auto response = json::parse_json(query["response"], "the response");
      codepipeline_->confirm(response);
      std::string list;
      for (const auto& entry : response.at("actionConfiguration")) {
        list += "<dt>" + escape(entry.at("key").get<std::string>()) + "</dt><dd>" +
                escape(entry.at("value").get<std::string>()) + "</dd>";
      }
      return page(200, "Action saved", "<dl>" + list + "</dl>");
    } catch (const std::exception& error) {
      return page(400, "Action not saved", "<p>" + escape(error.what()) + "</p>");
    }
  }
  throw ServiceError(404, "NotFound", "no such page");
}

}  // namespace penstock::sandbox
