#include "server/pages/sign_in_routes.h"

#include <atomic>
#include <memory>
#include <utility>

#include "core/authz/open_id.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/listener/router.h"
#include "server/browser_access.h"
#include "server/pages/frame.h"
#include "server/pages/parts.h"

namespace penstock::server {
namespace {

using listener::Request;
using listener::Response;
using pages::Html;

// Each asks the identity provider; a stranger can make us do so.
constexpr int kMaxAtOnce = 4;
constexpr std::size_t kMaxCodeBytes = 4096;

Html sign_in_link(std::string_view path, const std::string& return_path, const Html& text, std::string_view kind) {
  return pages::element(
      "a", {{"href", std::string(path) + pages::query_string({{"returnTo", return_path}})}, {"class", kind}}, {text});
}

class SignInRoutes {
 public:
  explicit SignInRoutes(const SignInParts& parts) : parts_(parts), flow_(parts.clock) {}

  // Where one chooses how.
  Response choose(const Request& request) {
    const auto policy = parts_.policy.get();
    const std::string return_path = safe_return_path(request.query_parameter("returnTo").value_or("/"));
    Html ways;
    if (policy->sign_in) {
      const auto issuer = http::parse_url(policy->sign_in->client->settings().issuer);
      ways += pages::element(
          "p", {sign_in_link("/sign-in/start", return_path, Html("Sign in" + (issuer ? " with " + issuer->host : "")),
                             "button primary")});
    }
    if (policy->access && policy->access->takes_passwords()) {
      ways += pages::element(
          "p", {sign_in_link("/password-sign-in", return_path, Html("Use a user name and a password"), "button")});
    }
    if (ways.empty()) ways = pages::element("p", {"Nobody can sign in with a browser here. Programs use tokens."});
    const bool signed_out = request.query_parameter("signedOut").has_value();
    return pages::show(
        200, {.title = "Sign in"},
        pages::element("div", {{"class", "sign-in"}},
                       {pages::element("h1", {signed_out ? "You are signed out" : "Sign in"}),
                        pages::element("p", {"This history is open to those only who may read it."}), ways}));
  }

  Response start(const Request& request) {
    const auto policy = parts_.policy.get();
    if (!policy->sign_in) return no_sign_in(request);
    const Turn turn(running_);
    if (!turn.taken) return busy(request);
    try {
      const SignInFlow::Pending pending = flow_.begin(request.query_parameter("returnTo").value_or("/"));
      Response response{.status = 303, .content_type = "text/plain; charset=utf-8"};
      response.headers.emplace_back(
          "Location", policy->sign_in->client->authorization_url(pending.state, pending.nonce, pending.verifier));
      response.headers.emplace_back(
          "Set-Cookie", make_cookie(kPendingCookie, pending.cookie, policy->sign_in->cookies, SignInFlow::kPatience));
      pages::add_page_headers(response);
      return response;
    } catch (const Error& error) {
      return failed(request, error, "");
    }
  }

  Response finish(const Request& request) {
    const auto policy = parts_.policy.get();
    if (!policy->sign_in) return no_sign_in(request);
    const SignInPolicy& sign_in = *policy->sign_in;
    const auto cookie = find_cookie(request, cookie_name(kPendingCookie, sign_in.cookies));
    const auto pending = flow_.resume(cookie.value_or(""), request.query_parameter("state").value_or(""));
    if (!pending) {
      audit(request, "sign-in refused", "", "it was not begun by this browser, or too long ago");
      return pages::show_problem(400, "This sign-in is not yours, or too old",
                                 "It was begun in another browser or window, or more than ten minutes ago.",
                                 pages::link_to("/sign-in", "Sign in again"), {}, request.request_id);
    }
    if (const auto error = request.query_parameter("error")) {
      audit(request, "sign-in refused", "", "the provider answered " + in_quotes(*error));
      Response response =
          pages::show_problem(403, "The identity provider said no", "It answered: " + truncate_utf8(*error, 100, 400),
                              pages::link_to("/sign-in", "Try again"), {}, request.request_id);
      forget_pending(response, sign_in);
      return response;
    }
    const std::string code = request.query_parameter("code").value_or("");
    const Turn turn(running_);
    if (!turn.taken) return busy(request);
    try {
      if (code.empty() || code.size() > kMaxCodeBytes) throw Error(ErrorKind::kUnauthenticated, "no code came back");
      authz::SignedIn who = sign_in.client->redeem(code, pending->verifier, pending->nonce);
      if (sign_in.revoked_subjects.count(who.subject) > 0) throw Error(ErrorKind::kUnauthenticated, "revoked");
      const std::string principal = principal_of(who.name, who.subject);
      // The session that the browser had, whoever's it was, ends here.
      if (const auto former = find_cookie(request, cookie_name(kSessionCookie, sign_in.cookies)))
        parts_.sessions.close(*former);
      const std::string token = parts_.sessions.open({.subject = std::move(who.subject),
                                                      .issuer = sign_in.client->settings().issuer,
                                                      .name = std::move(who.name),
                                                      .scopes = std::move(who.scopes),
                                                      .ends = parts_.clock.now() + sign_in.session_lifetime,
                                                      .id = ""});
      audit(request, "signed in", principal, "");
      Response response = pages::redirect(pending->return_path);
      response.headers.emplace_back("Set-Cookie",
                                    make_cookie(kSessionCookie, token, sign_in.cookies, sign_in.session_lifetime));
      forget_pending(response, sign_in);
      return response;
    } catch (const Error& error) {
      Response response = failed(request, error, "");
      forget_pending(response, sign_in);
      return response;
    }
  }

  // Browsers ask for a password where they are answered 401 with this challenge; from here on they send it below "/".
  Response with_password(const Request& request) {
    const std::string return_path = safe_return_path(request.query_parameter("returnTo").value_or("/"));
    AccessControl::Admission admission =
        parts_.access.admit(request, {.verb = "GET", .resource = "/api/v1/deliveries", .route_scope = "history.read"});
    if (!admission.principal.empty()) return pages::redirect(return_path);
    Response page = pages::show_problem(admission.refusal ? admission.refusal->status : 401, "Sign in",
                                        "A user name and a password are needed.",
                                        pages::link_to("/sign-in", "Sign in another way"), {}, request.request_id);
    if (admission.refusal) {
      for (auto& header : admission.refusal->headers) page.headers.push_back(std::move(header));
    }
    return page;
  }

  Response sign_out(const Request& request) {
    const auto policy = parts_.policy.get();
    const CookieScope cookies = policy->sign_in ? policy->sign_in->cookies : CookieScope::kHost;
    const auto cookie = find_cookie(request, cookie_name(kSessionCookie, cookies));
    const auto session = cookie ? parts_.sessions.find(*cookie) : nullptr;
    if (session) {
      std::string token;
      for (auto& [name, value] : listener::parse_query(request.body)) {
        if (name == "formToken") token = value;
      }
      if (is_cross_site(request, policy->public_origin) || !parts_.form_tokens.check("session:" + session->id, token)) {
        audit(request, "form refused", principal_of(session->name, session->subject),
              "it does not carry the token of its page");
        return pages::show_problem(403, "This form is not good any more", "You are still signed in.",
                                   pages::link_to("/", "Go back and sign out again"), {}, request.request_id);
      }
      parts_.sessions.close(*cookie);
      audit(request, "signed out", principal_of(session->name, session->subject), "");
    }
    Response response = pages::redirect("/sign-in?signedOut=yes");
    response.headers.emplace_back("Set-Cookie", make_cookie(kSessionCookie, "", cookies, std::chrono::seconds(0)));
    return response;
  }

 private:
  struct Turn {
    explicit Turn(std::atomic<int>& counted) : running(counted), taken(running.fetch_add(1) < kMaxAtOnce) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { running.fetch_sub(1); }
    std::atomic<int>& running;
    const bool taken;
  };

  static void forget_pending(Response& response, const SignInPolicy& sign_in) {
    response.headers.emplace_back("Set-Cookie",
                                  make_cookie(kPendingCookie, "", sign_in.cookies, std::chrono::seconds(0)));
  }

  static Response no_sign_in(const Request& request) {
    return pages::show_problem(404, "Not found", "Signing in at an identity provider is not configured here.",
                               pages::link_to("/sign-in", "Sign in another way"), {}, request.request_id);
  }

  static Response busy(const Request& request) {
    Response page = pages::show_problem(503, "Not now", "Many people are signing in at this moment.",
                                        pages::link_to("/sign-in", "Try again"), {}, request.request_id);
    page.headers.emplace_back("Retry-After", "5");
    return page;
  }

  // What is wrong is said to the log; to the browser only whether it may be better later.
  Response failed(const Request& request, const Error& error, const std::string& principal) const {
    audit(request, "sign-in refused", principal, error.what());
    if (error.kind() == ErrorKind::kUnauthenticated) {
      return pages::show_problem(403, "You could not be signed in", "What the identity provider sent does not hold.",
                                 pages::link_to("/sign-in", "Try again"), {}, request.request_id);
    }
    return pages::show_problem(503, "Not now", "The identity provider cannot be asked at the moment.",
                               pages::link_to("/sign-in", "Try again"), {}, request.request_id);
  }

  void audit(const Request& request, std::string_view what, const std::string& principal,
             const std::string& reason) const {
    parts_.access.audit_browser(request, what, principal, reason);
  }

  const SignInParts parts_;
  const SignInFlow flow_;
  std::atomic<int> running_{0};
};

}  // namespace

void add_sign_in_routes(listener::Listener& listener, const SignInParts& parts) {
  const auto routes = std::make_shared<SignInRoutes>(parts);
  listener.route("GET", "/sign-in", [routes](const Request& request) { return routes->choose(request); });
  listener.route("GET", "/sign-in/start", [routes](const Request& request) { return routes->start(request); });
  listener.route("GET", std::string(kSignInCallback),
                 [routes](const Request& request) { return routes->finish(request); });
  listener.route("GET", "/password-sign-in",
                 [routes](const Request& request) { return routes->with_password(request); });
  listener.route("POST", "/sign-out", [routes](const Request& request) { return routes->sign_out(request); });
}

}  // namespace penstock::server
