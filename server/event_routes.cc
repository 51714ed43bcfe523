#include "server/routes.h"

namespace penstock::server {

void add_event_routes(Listener& listener, events::Endpoints& endpoints, const CurrentPolicy& policy) {
  listener.route_async("POST", "/events/{endpoint}", [&](const Request& request, const listener::Reply& reply) {
    const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
    const events::EventAnswer answer = endpoints.receive(
        {.endpoint = request.captures.at(0),
         .remote = hooks::client_address(peer, request.header("X-Forwarded-For"), policy.get()->trusted_proxies),
         .headers = request.headers,
         .body = request.body,
         .request_id = request.request_id});
    Response response;
    if (answer.status == 200) {
      response.body = events::to_json(answer);
    } else {
      response = problem(request, answer.status, answer.reason);
      if (answer.status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"penstock\"");
    }
    response.close = answer.close_connection;
    reply.send(std::move(response));
  });
}

}  // namespace penstock::server
