// The pages for people, at `/` and below. What a page shows or does is asked for as the route of the API that gives or
// does the same, so that no permission has to be said twice, and none can be evaded.
#pragma once

#include "core/base/time.h"
#include "core/intake/receiver.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/trigger/starter.h"
#include "server/access.h"
#include "server/form_tokens.h"
#include "server/pages/links.h"

namespace penstock::server {

struct PageParts {
  store::Store& store;
  intake::Receiver& receiver;
  trigger::Starter& starter;
  const CurrentPolicy& policy;
  AccessControl& access;
  const FormTokens& form_tokens;
  const Clock& clock;
  const telemetry::Log& log;
  pages::ConsoleLinks links;
};
// All references must outlive the listener.
void add_page_routes(listener::Listener& listener, PageParts parts);

}  // namespace penstock::server
