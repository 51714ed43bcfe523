#include <new>

#include "server/routes.h"

namespace penstock::server {
namespace {

Response to_response(const intake::HookAnswer& answer, const std::string& request_id) {
  Response response;
  if (answer.status == 200) {
    response.body = intake::to_json(answer);
  } else {
    response = problem(request_id, answer.status, answer.reason);
    if (answer.status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"penstock\"");
    if (answer.retry_after) {
      response.headers.emplace_back("Retry-After", std::to_string(answer.retry_after->count()));
    }
  }
  response.close = answer.close_connection;
  return response;
}

}  // namespace

void add_hook_routes(Listener& listener, intake::Receiver& receiver, const CurrentPolicy& policy) {
  listener.route_async("POST", "/hooks/{endpoint}", [&](Request request, const listener::Reply& reply) {
    intake::HookRequest hook;
    // An address that cannot be parsed matches no range: the unspecified address stands for it.
    const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
    hook.remote = hooks::client_address(peer, request.header("X-Forwarded-For"), policy.get()->trusted_proxies);
    hook.endpoint = std::move(request.captures.at(0));
    hook.headers = std::move(request.headers);
    hook.body = std::move(request.body);
    hook.request_id = std::move(request.request_id);
    receiver.receive(std::move(hook), [reply](const intake::HookAnswer& answer) noexcept {
      try {
        reply.send(to_response(answer, reply.request_id()));
      } catch (const std::bad_alloc&) {
        // The reply's own end answers 503; a delivery that is stored all the same makes its repetition a duplicate.
      }
    });
  });
}

}  // namespace penstock::server
