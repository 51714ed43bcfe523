// Who may ask for what over HTTP: the authorizer's decision as an answer, and the audit log.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/authz/authorizer.h"
#include "core/base/failed_attempts.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/listener/listener.h"
#include "core/telemetry/log.h"
#include "server/browser_sessions.h"
#include "server/request_policy.h"

namespace penstock::server {

// The settings under `access`, with the tokens resolved. Error{kConfiguration} when a secret cannot be read.
authz::Settings access_settings(const config::Access& access,
                                const std::function<Secret(const SecretReference&)>& resolve);

std::vector<authz::Permission> to_permissions(const std::vector<config::Permission>& permissions);

// How a person who has signed in is called in the log: "ann@example.org (8f3a…)". The name alone can be anybody's.
std::string principal_of(const std::string& name, const std::string& subject);

// What the configuration's own checks leave to the parts: digests of passwords and files of keys.
std::vector<config::Problem> check_access(const config::Access& access);

// Thread-safe. All of what it is made of must outlive it.
class AccessControl {
 public:
  // Without `sessions` nobody is signed in.
  AccessControl(const CurrentPolicy& policy, const Clock& clock, const telemetry::Log& log,
                BrowserSessions* sessions = nullptr)
      : policy_(policy), clock_(clock), log_(log), sessions_(sessions) {}

  struct Admission {
    std::optional<listener::Response> refusal;  // what to answer instead
    std::string principal;                      // whose request it is, when there is no refusal
    authz::Decision::Status status = authz::Decision::Status::kUnauthenticated;
    // Which credential it was, by kind and holder: what forms of a page are bound to. Empty without one that counts.
    std::string credential;
    std::string name;         // of the holder, for people
    bool is_session = false;  // that signing out ends
  };
  // What is asked for, where that is not the request's own verb and path: a page asks for what it shows.
  struct Asked {
    std::string verb, resource;
    std::string_view route_scope;
  };
  // `route_scope` is what the route asks for where no document of permissions says otherwise. May block, see
  // authz::Authorizer. Every refusal and every request that may change something leaves an audit record; of an address
  // that is refused all the time only so many as the disk is good for, and then their number.
  //
  // A browser sends some credentials of its own accord, whoever made it send the request: with these nothing is changed
  // for a request that comes from another site.
  Admission admit(const listener::Request& request, std::string_view route_scope);
  Admission admit(const listener::Request& request, const Asked& asked);
  // Whether the request's credential would do for that: what need not be offered. Leaves no record.
  bool may(const listener::Request& request, const Asked& asked) const;
  // A record of somebody's signing in or out.
  void audit_browser(const listener::Request& request, std::string_view what, const std::string& principal,
                     const std::string& reason);

 private:
  struct Judged;
  Judged judge(const RequestPolicy& policy, const listener::Request& request, const Asked& asked) const;
  std::shared_ptr<const BrowserSession> find_session(const RequestPolicy& policy,
                                                     const listener::Request& request) const;
  void audit(const listener::Request& request, const Judged& judged);

  const CurrentPolicy& policy_;
  const Clock& clock_;
  const telemetry::Log& log_;
  BrowserSessions* const sessions_;
  FailedAttempts refusals_{{.burst = 2'000, .per_second = 20, .max_addresses = 10'000}};
};

// Whether a browser says that another site's page has sent the request; false when it comes from no browser. Those of
// `own_origin` ("https://host", empty = unknown) and of the host that was asked are our own.
bool is_cross_site(const listener::Request& request, std::string_view own_origin);

// The answer to somebody who may not; nothing when he may. Tells no more than the caller must know: why a credential
// does not count is said to the log alone.
std::optional<listener::Response> refuse(const listener::Request& request, const authz::Decision& decision,
                                         bool takes_passwords);

}  // namespace penstock::server
