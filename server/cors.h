// Pages of other origins that may call the API with a token of their own: those that access.cors.origins names, and
// nobody else. Cookies and passwords that a browser adds by itself are never let through.
//
// Source: https://fetch.spec.whatwg.org/#http-cors-protocol.
#pragma once

#include <string>

#include "core/listener/message.h"
#include "server/request_policy.h"

namespace penstock::server {

// What a browser must be told to hand the answer to a page of the request's origin; nothing for any other.
void add_cors_headers(const RequestPolicy& policy, const listener::Request& request, listener::Response& response);
// The answer to OPTIONS, asked before the real request or by anybody who wants to know what there is. `methods` as of
// Allow.
listener::Response answer_options(const RequestPolicy& policy, const listener::Request& request,
                                  const std::string& methods);

}  // namespace penstock::server
