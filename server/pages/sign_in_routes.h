// Signing in and out with a browser, at an identity provider or with a password.
#pragma once

#include "core/base/failed_attempts.h"
#include "core/base/time.h"
#include "core/listener/listener.h"
#include "core/telemetry/log.h"
#include "server/access.h"
#include "server/browser_sessions.h"
#include "server/form_tokens.h"
#include "server/request_policy.h"
#include "server/sign_in_flow.h"

namespace penstock::server {

struct SignInParts {
  const CurrentPolicy& policy;
  AccessControl& access;
  BrowserSessions& sessions;
  const FormTokens& form_tokens;
  const Clock& clock;
  const telemetry::Log& log;
};
// GET /sign-in, /sign-in/start, /sign-in/callback and /password-sign-in, POST /sign-out. All references must outlive
// the listener.
void add_sign_in_routes(listener::Listener& listener, const SignInParts& parts);

}  // namespace penstock::server
