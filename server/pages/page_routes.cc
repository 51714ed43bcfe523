#include "server/pages/page_routes.h"

#include <memory>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/listener/router.h"
#include "server/pages/assets.h"
#include "server/pages/deliveries_page.h"
#include "server/pages/delivery_page.h"
#include "server/pages/frame.h"
#include "server/pages/jobs_page.h"
#include "server/pages/overview_page.h"
#include "server/pages/parts.h"
#include "server/pages/statistics.h"

namespace penstock::server {
namespace {

using authz::Decision;
using listener::Request;
using listener::Response;
using pages::Html;
using pages::Visitor;

constexpr int kRowsOfPage = 50;
constexpr int kFailedJobsShown = 5;
constexpr int kLogLinesShown = 1000;
constexpr int kMaxPending = 10'000;
constexpr int kMaxJobsOfExecution = 20;
constexpr std::size_t kMaxExecutionsShown = 20;
constexpr std::string_view kRead = "history.read";
constexpr std::string_view kRedeliver = "history.redeliver";

Response not_found(const Request& request, const Visitor& visitor, std::string_view detail) {
  return pages::show_problem(404, "Not found", detail, pages::link_to("/deliveries", "Go to the deliveries"), visitor,
                             request.request_id);
}

Response show_error(const Request& request, const Visitor& visitor, const Error& error, const telemetry::Log& log) {
  switch (error.kind()) {
    case ErrorKind::kInvalidInput:
      return pages::show_problem(400, "This cannot be done so", error.what(), Html("Go back and change it."), visitor,
                                 request.request_id);
    case ErrorKind::kNotFound:
      return not_found(request, visitor, error.what());
    case ErrorKind::kConflict:
      return pages::show_problem(409, "This is not possible now", error.what(), Html(), visitor, request.request_id);
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kExhausted:
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kPermission:
    case ErrorKind::kConfiguration:
    case ErrorKind::kCancelled:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      break;
  }
  log.error("showing a page failed",
            {{"requestId", request.request_id}, {"path", request.path}, {"error", error.what()}});
  const bool may_pass = error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kTimeout ||
                        error.kind() == ErrorKind::kExhausted || error.kind() == ErrorKind::kRateLimited;
  return pages::show_problem(may_pass ? 503 : 500, may_pass ? "Not now" : "Something is wrong here",
                             may_pass ? "The history cannot be read at the moment." : "The log says what happened.",
                             may_pass ? Html("Try it again in a moment.") : Html(), visitor, request.request_id);
}

class PageRoutes {
 public:
  explicit PageRoutes(PageParts parts)
      : parts_(std::move(parts)),
        statistics_([this](Timestamp from, Timestamp until) { return parts_.store.count_history(from, until); },
                    parts_.clock) {}

  using Answer = Response (PageRoutes::*)(const Request&, const Visitor&);

  // Asks whether the reader may see what `resource` of the API gives, then shows the page.
  Response read(const Request& request, const std::string& resource, Answer answer) {
    AccessControl::Admission admission =
        parts_.access.admit(request, {.verb = "GET", .resource = resource, .route_scope = kRead});
    const Visitor visitor = visitor_of(request, admission);
    if (admission.refusal) return refuse(request, admission, visitor);
    return answered(request, visitor, answer);
  }

  // The same for a form, which must be one of ours.
  Response change(const Request& request, const std::string& resource, Answer answer) {
    AccessControl::Admission admission =
        parts_.access.admit(request, {.verb = "POST", .resource = resource, .route_scope = kRedeliver});
    const Visitor visitor = visitor_of(request, admission);
    if (admission.refusal) return refuse(request, admission, visitor);
    if (!parts_.form_tokens.check(admission.credential, form_value(request, "formToken").value_or(""))) {
      parts_.log.audit("form refused", {{"requestId", request.request_id},
                                        {"principal", admission.principal},
                                        {"resource", request.path},
                                        {"remote", request.peer_address},
                                        {"reason", "it does not carry the token of its page"}});
      return pages::show_problem(403, "This form is not good any more",
                                 "It stood open for too long, or the server was restarted since. Nothing was changed.",
                                 Html("Go back, load the page again, and send it once more."), visitor,
                                 request.request_id);
    }
    return answered(request, visitor, answer);
  }

  Response deliveries(const Request& request, const Visitor& visitor) {
    pages::DeliveriesView view{.query = pages::read_delivery_query(request.query), .now = now(), .visitor = visitor};
    view.query.limit = kRowsOfPage;
    view.page = parts_.store.list_deliveries(view.query);
    return pages::show_deliveries(view);
  }

  Response delivery(const Request& request, const Visitor& visitor) {
    const std::string& id = request.captures.at(0);
    auto found = parts_.store.find_delivery(id);
    if (!found) throw Error(ErrorKind::kNotFound, "No delivery has this id; it may have been deleted by now.");
    pages::DeliveryView view{.delivery = std::move(*found), .now = now(), .visitor = visitor, .links = parts_.links};
    if (may_see_jobs(request)) view.jobs = jobs_of(view.delivery);
    if (const auto query = request.query_parameter("jsonPath"); query && !view.delivery.body.empty()) {
      view.trial = pages::try_json_path(*query, view.delivery.body);
    }
    if (request.query_parameter("compare")) compare(view);
    if (const auto done = request.query_parameter("done")) {
      if (*done == "redelivered") view.notice = "Processed again: this is the new delivery.";
      if (*done == "released") view.notice = "Released: it starts as soon as its turn comes.";
    }
    return pages::show_delivery(view);
  }

  Response overview(const Request& request, const Visitor& visitor) {
    pages::OverviewView view{.period = &pages::find_period(request.query_parameter("period").value_or("")),
                             .now = now(),
                             .visitor = visitor};
    view.series = statistics_.load(view.period->width, view.period->columns);
    view.backlog = parts_.store.trigger_backlog();
    if (may_see_jobs(request)) {
      store::JobQuery failed;
      failed.limit = kFailedJobsShown;
      failed.state = store::JobState::kFailed;
      view.failed_jobs = parts_.store.list_jobs(failed).jobs;
    }
    return pages::show_overview(view);
  }

  Response jobs(const Request& request, const Visitor& visitor) {
    pages::JobsView view{.query = pages::read_job_query(request.query), .now = now(), .visitor = visitor};
    view.query.limit = kRowsOfPage;
    view.page = parts_.store.list_jobs(view.query);
    return pages::show_jobs(view);
  }

  Response job(const Request& request, const Visitor& visitor) {
    auto found = parts_.store.find_job(request.captures.at(0));
    if (!found) throw Error(ErrorKind::kNotFound, "No job has this id; it may have been deleted by now.");
    pages::JobView view{.job = std::move(*found), .now = now(), .visitor = visitor, .links = parts_.links};
    view.log = parts_.store.job_log(view.job.id, 0, kLogLinesShown + 1);
    view.log_goes_on = static_cast<int>(view.log.size()) > kLogLinesShown;
    if (view.log_goes_on) view.log.pop_back();
    return pages::show_job(view);
  }

  Response redeliver(const Request& request, const Visitor& visitor) {
    const std::string& id = request.captures.at(0);
    const std::string webhook = form_value(request, "webhook").value_or("");
    const intake::HookAnswer answer = parts_.receiver.redeliver(id, webhook);
    parts_.log.info("redelivered", {{"requestId", request.request_id},
                                    {"by", visitor.name},
                                    {"remote", request.peer_address},
                                    {"delivery", id},
                                    {"webhook", webhook},
                                    {"newDelivery", answer.delivery_id},
                                    {"outcome", answer.outcome ? store::to_string(*answer.outcome) : ""},
                                    {"repetition", answer.is_repetition}});
    return pages::redirect(pages::path_to("deliveries", answer.delivery_id) + "?done=redelivered");
  }

  Response release(const Request& request, const Visitor& visitor) {
    const std::string& id = request.captures.at(0);
    parts_.starter.release(id);
    parts_.log.info(
        "deferred trigger released",
        {{"requestId", request.request_id}, {"by", visitor.name}, {"remote", request.peer_address}, {"trigger", id}});
    const auto trigger = parts_.store.find_trigger(id);
    return pages::redirect(trigger ? pages::path_to("deliveries", trigger->delivery_id) + "?done=released"
                                   : "/deliveries");
  }

  static Response file(const Request& request) {
    const pages::Asset* const found = pages::find_asset(request.captures.at(0));
    if (found == nullptr) return problem(request, 404, "there is no such file");
    Response response{.content_type = std::string(found->content_type)};
    // The name changes with the content.
    response.headers.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
    response.headers.emplace_back("ETag", found->etag);
    response.headers.emplace_back("Vary", "Accept-Encoding");
    pages::add_page_headers(response);
    if (const auto known = request.header("If-None-Match"); known && known->find(found->etag) != std::string::npos) {
      response.status = 304;
      return response;
    }
    const bool takes_gzip = request.header("Accept-Encoding").value_or("").find("gzip") != std::string::npos;
    if (takes_gzip && !found->compressed.empty()) {
      response.headers.emplace_back("Content-Encoding", "gzip");
      response.body = found->compressed;
    } else {
      response.body = found->content;
    }
    return response;
  }

 private:
  Response answered(const Request& request, const Visitor& visitor, Answer answer) {
    try {
      return (this->*answer)(request, visitor);
    } catch (const Error& error) {
      return show_error(request, visitor, error, parts_.log);
    }
  }

  Visitor visitor_of(const Request& request, const AccessControl::Admission& admission) const {
    Visitor visitor{.name = admission.name, .can_sign_out = admission.is_session};
    if (admission.credential.empty()) return visitor;
    visitor.form_token = parts_.form_tokens.make(admission.credential);
    // As for any delivery; each form asks again for the one that it is about.
    visitor.may_redeliver = parts_.access.may(
        request, {.verb = "POST", .resource = "/api/v1/deliveries/x/redeliver", .route_scope = kRedeliver});
    return visitor;
  }

  Response refuse(const Request& request, AccessControl::Admission& admission, const Visitor& visitor) const {
    if (admission.status == Decision::Status::kUnauthenticated && parts_.policy.get()->sign_in) {
      const std::string here = request.method == "POST" ? "/" : request.path + pages::query_string(request.query);
      return pages::redirect("/sign-in" + pages::query_string({{"returnTo", safe_return_path(here)}}));
    }
    Response refusal = std::move(*admission.refusal);
    Response page;
    switch (admission.status) {
      case Decision::Status::kAllowed:
      case Decision::Status::kUnauthenticated:
        page = pages::show_problem(401, "Sign in", "This history is open to those only who may read it.",
                                   Html("Your browser asks for a name and a password where people have one here."),
                                   visitor, request.request_id);
        break;
      case Decision::Status::kForbidden:
        page = pages::show_problem(403, "Not for you", "You are signed in, but none of your scopes allows this.",
                                   Html("Whoever runs this server gives out scopes: this needs one with the right to " +
                                        std::string(request.method == "POST" ? "redeliver." : "read the history.")),
                                   visitor, request.request_id);
        break;
      case Decision::Status::kTooManyAttempts:
        page = pages::show_problem(429, "Too many attempts", "Too many wrong passwords came from your address.",
                                   Html("Wait a minute, then try again."), visitor, request.request_id);
        break;
      case Decision::Status::kComeAgain:
        page = pages::show_problem(503, "Not now", "Your credential cannot be checked at the moment.",
                                   Html("Try it again in a moment."), visitor, request.request_id);
        break;
    }
    for (auto& header : refusal.headers) page.headers.push_back(std::move(header));
    return page;
  }

  static std::optional<std::string> form_value(const Request& request, std::string_view name) {
    for (auto& [field, value] : listener::parse_query(request.body)) {
      if (field == name) return value;
    }
    return std::nullopt;
  }

  bool may_see_jobs(const Request& request) const {
    return parts_.access.may(request, {.verb = "GET", .resource = "/api/v1/jobs", .route_scope = kRead});
  }

  std::vector<store::Job> jobs_of(const store::Delivery& delivery) const {
    std::vector<store::Job> jobs;
    std::size_t executions = 0;
    for (const store::Trigger& trigger : delivery.triggers) {
      if (trigger.pipeline_execution_id.empty() || ++executions > kMaxExecutionsShown) continue;
      store::JobQuery query;
      query.limit = kMaxJobsOfExecution;
      query.pipeline_execution_id = trigger.pipeline_execution_id;
      for (store::Job& job : parts_.store.list_jobs(query).jobs) jobs.push_back(std::move(job));
    }
    return jobs;
  }

  void compare(pages::DeliveryView& view) const {
    try {
      intake::Receiver::Explained explained = parts_.receiver.explain(view.delivery.id);
      view.comparison = make_explanation(std::move(explained.then), std::move(explained.now), *parts_.starter.gates(),
                                         parts_.store.pending_triggers(kMaxPending), now());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kConflict && error.kind() != ErrorKind::kInvalidInput) throw;
      view.comparison_problem = error.what();
    }
  }

  Timestamp now() const { return parts_.clock.now(); }

  PageParts parts_;
  pages::Statistics statistics_;
};

std::string api(std::string_view kind, const std::string& id, std::string_view below = "") {
  return pages::path_to("api/v1/" + std::string(kind), id, below);
}

}  // namespace

void add_page_routes(listener::Listener& listener, PageParts parts) {
  const auto routes = std::make_shared<PageRoutes>(std::move(parts));
  listener.route("GET", "/assets/{name}", PageRoutes::file);
  listener.route("GET", "/", [routes](const Request& request) {
    return routes->read(request, "/api/v1/deliveries", &PageRoutes::overview);
  });
  listener.route("GET", "/jobs",
                 [routes](const Request& request) { return routes->read(request, "/api/v1/jobs", &PageRoutes::jobs); });
  listener.route("GET", "/jobs/{id}", [routes](const Request& request) {
    return routes->read(request, api("jobs", request.captures.at(0)), &PageRoutes::job);
  });
  listener.route("GET", "/deliveries", [routes](const Request& request) {
    return routes->read(request, "/api/v1/deliveries", &PageRoutes::deliveries);
  });
  listener.route("GET", "/deliveries/{id}", [routes](const Request& request) {
    return routes->read(request, api("deliveries", request.captures.at(0)), &PageRoutes::delivery);
  });
  listener.route("POST", "/deliveries/{id}/redeliver", [routes](const Request& request) {
    return routes->change(request, api("deliveries", request.captures.at(0), "redeliver"), &PageRoutes::redeliver);
  });
  listener.route("POST", "/triggers/{id}/release", [routes](const Request& request) {
    return routes->change(request, api("triggers", request.captures.at(0), "release"), &PageRoutes::release);
  });
}

}  // namespace penstock::server
