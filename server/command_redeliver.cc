#include "core/base/text.h"
#include "core/json/json.h"
#include "server/command_line.h"
#include "server/server_call.h"

namespace penstock::server {

int run_redeliver(const std::string& delivery_id, const std::string& webhook, const ServerArguments& server) {
  return call_server({.server = server.url,
                      .ca_file = server.ca_file,
                      .path = "/api/v1/deliveries/" + percent_encode(delivery_id) + "/redeliver",
                      .body = webhook.empty() ? "" : json::dump({{"webhook", webhook}}),
                      .doing = "redelivering " + in_quotes(delivery_id),
                      .scope = "history.redeliver"});
}

int run_release(const std::string& trigger_id, const ServerArguments& server) {
  return call_server({.server = server.url,
                      .ca_file = server.ca_file,
                      .path = "/api/v1/triggers/" + percent_encode(trigger_id) + "/release",
                      .body = "",
                      .doing = "releasing " + in_quotes(trigger_id),
                      .scope = "history.redeliver"});
}

}  // namespace penstock::server
