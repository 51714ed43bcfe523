// Answers that say what version they are of, so that a client that has it need not be sent it again.
#pragma once

#include "core/listener/message.h"

namespace penstock::server {

// Gives a 200 with a body its entity tag, a hash of the body; when the request's If-None-Match knows it, the answer
// becomes a 304 (RFC 9110 section 13.1.2). Such answers may be kept by the client alone, and must be asked for each
// time.
void add_entity_tag(const listener::Request& request, listener::Response& response);

}  // namespace penstock::server
