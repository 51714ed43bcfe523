#include "core/base/text.h"
#include "server/routes.h"

namespace penstock::server {

void add_hook_routes(Listener& listener, intake::Receiver& receiver, const CurrentPolicy& policy) {
  listener.route("POST", "/hooks/{endpoint}", [&](const Request& request) {
    intake::HookRequest hook;
    hook.endpoint = request.captures.at(0);
    // An address that cannot be parsed matches no range: the unspecified address stands for it.
    const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
    hook.remote = hooks::client_address(peer, request.header("X-Forwarded-For"), policy.get()->trusted_proxies);
    hook.headers = request.headers;
    hook.body = request.body;
    hook.request_id = request.request_id;

    const intake::HookAnswer answer = receiver.receive(hook);
    if (answer.status == 200) return Response{.body = intake::to_json(answer)};
    Response response = problem(request, answer.status, answer.reason);
    if (answer.status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"penstock\"");
    if (answer.retry_after) {
      response.headers.emplace_back("Retry-After", std::to_string(answer.retry_after->count()));
    }
    return response;
  });
}

}  // namespace penstock::server
