#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <type_traits>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "server/conditional.h"
#include "server/cors.h"
#include "server/explanation.h"
#include "server/history_export.h"
#include "server/history_json.h"
#include "server/history_parameters.h"
#include "server/routes.h"

namespace penstock::server {
namespace {

// For an explanation; of a longer backlog the count is too low.
constexpr int kMaxPending = 10'000;
constexpr int kLogLinesAtOnce = 500;
constexpr int kErasingSteps = 5;
constexpr auto kStreamPause = std::chrono::milliseconds(300);
// A stream holds a request thread; the client's EventSource comes back with Last-Event-ID by itself.
constexpr auto kLongestStream = std::chrono::minutes(10);
constexpr int kMaxStreams = 16;

int status_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kInvalidInput:
      return 400;
    case ErrorKind::kUnauthenticated:
      return 401;
    case ErrorKind::kPermission:
      return 403;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kConflict:
      return 409;
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kExhausted:
      return 503;
    case ErrorKind::kConfiguration:
    case ErrorKind::kCancelled:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return 500;
  }
  return 500;
}

// Texts of these statuses are made for the sender of the request; others could speak of the inside.
bool is_for_the_sender(int status) {
  return status == 400 || status == 404 || status == 409;
}

// The one member that a redelivery's body may have; empty without a body.
std::string read_chosen_webhook(const std::string& body) {
  if (trim(body).empty()) return "";
  const json::Json document = json::parse_json(body, "the request's body");
  if (!document.is_object()) {
    throw Error(ErrorKind::kInvalidInput,
                "the request's body: expected nothing or an object such as "
                "{\"webhook\": \"NAME\"}");
  }
  for (const auto& [name, value] : document.items()) {
    if (name != "webhook") {
      throw Error(ErrorKind::kInvalidInput,
                  "the request's body: expected the member \"webhook\" alone, found " + in_quotes(name));
    }
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      throw Error(ErrorKind::kInvalidInput, "the request's body: webhook: expected the name of a webhook");
    }
    return value.get<std::string>();
  }
  return "";
}

class HistoryRoutes {
 public:
  HistoryRoutes(store::Store& store, intake::Receiver& receiver, trigger::Starter& starter, AccessControl& access,
                const CurrentPolicy& policy, const telemetry::Log& log, const std::stop_token& stop)
      : store_(store),
        receiver_(receiver),
        starter_(starter),
        access_(access),
        policy_(policy),
        log_(log),
        stop_(stop),
        export_(store, log, stop) {}

  using Answer = Response (HistoryRoutes::*)(const Request&);
  using AnswerTo = Response (HistoryRoutes::*)(const Request&, const std::string& principal);

  template <typename Method>
  Response serve(const Request& request, std::string_view scope, Method method) {
    Response response = guarded(request, scope, method);
    add_cors_headers(*policy_.get(), request, response);
    return response;
  }

  Response options(const Request& request, const std::string& methods) {
    return answer_options(*policy_.get(), request, methods);
  }

  // Asks whether the caller may, then answers; errors become problem documents.
  template <typename Method>
  Response guarded(const Request& request, std::string_view scope, Method answer) {
    AccessControl::Admission admission = access_.admit(request, scope);
    if (admission.refusal) return std::move(*admission.refusal);
    try {
      Response response;
      if constexpr (std::is_same_v<Method, AnswerTo>) {
        response = (this->*answer)(request, admission.principal);
      } else {
        response = (this->*answer)(request);
      }
      add_entity_tag(request, response);
      return response;
    } catch (const Error& error) {
      const int status = status_of(error);
      if (!is_for_the_sender(status)) {
        log_.error("answering a history request failed",
                   {{"requestId", request.request_id}, {"path", request.path}, {"error", error.what()}});
      }
      Response response = problem(request, status,
                                  is_for_the_sender(status) ? error.what()
                                  : status == 503           ? "the history cannot be read at the moment"
                                                  : "an internal error; the log has it under this request id");
      if (status == 503) response.headers.emplace_back("Retry-After", "5");
      return response;
    }
  }

  Response list_deliveries(const Request& request) {
    if (HistoryExport::is_wanted(request)) return export_.deliveries(request);
    const store::DeliveryPage page = store_.list_deliveries(read_delivery_query(request, ListForm::kPage));
    json::Json body = {{"deliveries", json::Json::array()}};
    for (const store::Delivery& delivery : page.deliveries) body["deliveries"].push_back(delivery_summary(delivery));
    body["nextCursor"] = page.next_cursor.empty() ? json::Json(nullptr) : json::Json(page.next_cursor);
    return Response{.body = json::dump(body)};
  }

  Response get_delivery(const Request& request) {
    expect_no_parameters(request);
    const auto delivery = store_.find_delivery(request.captures.at(0));
    if (!delivery) throw Error(ErrorKind::kNotFound, "no delivery has this id");
    return Response{.body = json::dump(delivery_whole(*delivery))};
  }

  Response redeliver(const Request& request, const std::string& principal) {
    const std::string& id = request.captures.at(0);
    const std::string webhook = read_chosen_webhook(request.body);
    const intake::HookAnswer answer = receiver_.redeliver(id, webhook);
    log_.info("redelivered", {{"requestId", request.request_id},
                              {"by", principal},
                              {"remote", request.peer_address},
                              {"delivery", id},
                              {"webhook", webhook},
                              {"newDelivery", answer.delivery_id},
                              {"outcome", answer.outcome ? store::to_string(*answer.outcome) : ""},
                              {"repetition", answer.is_repetition}});
    return Response{.status = 202, .body = json::dump({{"deliveryId", answer.delivery_id}})};
  }

  Response explain(const Request& request) {
    intake::Receiver::Explained explained = receiver_.explain(request.captures.at(0));
    const WholeExplanation whole =
        make_explanation(std::move(explained.then), std::move(explained.now), *starter_.gates(),
                         store_.pending_triggers(kMaxPending), SystemClock().now());
    return Response{.body = json::dump(to_json(whole))};
  }

  Response release(const Request& request, const std::string& principal) {
    const std::string& id = request.captures.at(0);
    starter_.release(id);
    log_.info(
        "deferred trigger released",
        {{"requestId", request.request_id}, {"by", principal}, {"remote", request.peer_address}, {"trigger", id}});
    return Response{.status = 202, .body = json::dump({{"triggerId", id}})};
  }

  Response list_jobs(const Request& request) {
    if (HistoryExport::is_wanted(request)) return export_.jobs(request);
    const store::JobPage page = store_.list_jobs(read_job_query(request, ListForm::kPage));
    json::Json body = {{"jobs", json::Json::array()}};
    for (const store::Job& job : page.jobs) body["jobs"].push_back(job_to_json(job));
    body["nextCursor"] = page.next_cursor.empty() ? json::Json(nullptr) : json::Json(page.next_cursor);
    return Response{.body = json::dump(body)};
  }

  Response get_job(const Request& request) {
    expect_no_parameters(request);
    return Response{.body = json::dump(job_to_json(find_job(request)))};
  }

  Response erase(const Request& request, const std::string& principal) {
    const std::string& id = request.captures.at(0);
    const store::Store::DeletedDelivery deleted = store_.delete_delivery(id);
    log_.audit("delivery deleted",
               {{"requestId", request.request_id}, {"principal", principal}, {"delivery", id}, {"jobs", deleted.jobs}});
    // What is left is done by the maintenance.
    for (int i = 0; i < kErasingSteps && store_.erase_more(); ++i) {
    }
    return Response{.status = 204};
  }

  Response job_log(const Request& request) {
    const store::Job job = find_job(request);
    const bool live = request.header("Accept").value_or("").find("text/event-stream") != std::string::npos;
    return live ? live_log(request, job.id) : whole_log(job.id);
  }

 private:
  store::Job find_job(const Request& request) {
    auto job = store_.find_job(request.captures.at(0));
    if (!job) throw Error(ErrorKind::kNotFound, "no job has this id");
    return std::move(*job);
  }

  Response whole_log(const std::string& id) {
    Response response{.content_type = "text/plain; charset=utf-8"};
    std::int64_t after = 0;
    response.stream = [this, id, after](const std::function<bool(std::string_view)>& write) mutable {
      const auto lines = store_.job_log(id, after, kLogLinesAtOnce);
      std::string piece;
      for (const store::LogLine& line : lines) {
        piece += format_rfc3339(line.time) + " " + line.text + "\n";
        after = line.sequence;
      }
      return (piece.empty() || write(piece)) && static_cast<int>(lines.size()) == kLogLinesAtOnce;
    };
    return response;
  }

  static bool is_over(const std::optional<store::Job>& job) {
    if (!job || job->state == store::JobState::kFailed || job->state == store::JobState::kLost) return true;
    return job->state == store::JobState::kSucceeded && job->work_state != store::kWorkRunning;
  }

  // Server-sent events: one "message" a line with the sequence number as id, "end" with the final state.
  Response live_log(const Request& request, const std::string& id) {
    if (streams_->fetch_add(1) >= kMaxStreams) {
      streams_->fetch_sub(1);
      Response response = problem(request, 503, "too many logs are being followed; read it without event stream");
      response.headers.emplace_back("Retry-After", "30");
      return response;
    }
    // Released with the last copy of the stream's closure, however the connection ends.
    const std::shared_ptr<void> slot(nullptr, [streams = streams_](void*) { streams->fetch_sub(1); });
    Response response{.content_type = "text/event-stream"};
    const auto resume = parse_unsigned(request.header("Last-Event-ID").value_or("0")).value_or(0);
    auto after = static_cast<std::int64_t>(std::min<std::uint64_t>(resume, 1u << 30));
    const auto deadline = std::chrono::steady_clock::now() + kLongestStream;
    response.stream = [this, id, after, deadline, slot](const std::function<bool(std::string_view)>& write) mutable {
      const auto job = store_.find_job(id);  // before the lines: what is logged before the end is then always sent
      const auto lines = store_.job_log(id, after, kLogLinesAtOnce);
      std::string piece;
      for (const store::LogLine& line : lines) {
        piece += "id: " + std::to_string(line.sequence) +
                 "\ndata: " + json::dump({{"time", format_rfc3339(line.time)}, {"text", line.text}}) + "\n\n";
        after = line.sequence;
      }
      const bool done = lines.empty() && is_over(job);
      if (done) {
        piece += "event: end\ndata: " +
                 json::dump({{"state", job ? store::to_string(job->state) : std::string_view("gone")}}) + "\n\n";
      } else if (lines.empty()) {
        piece = ": waiting\n\n";  // notices a client that went away
      }
      if (!write(piece) || done) return false;
      if (stop_.stop_requested() || std::chrono::steady_clock::now() > deadline) return false;
      if (lines.empty()) std::this_thread::sleep_for(kStreamPause);
      return true;
    };
    return response;
  }

  store::Store& store_;
  intake::Receiver& receiver_;
  trigger::Starter& starter_;
  AccessControl& access_;
  const CurrentPolicy& policy_;
  const telemetry::Log& log_;
  const std::stop_token stop_;
  HistoryExport export_;
  const std::shared_ptr<std::atomic<int>> streams_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace

void add_history_routes(Listener& listener, store::Store& store, intake::Receiver& receiver, trigger::Starter& starter,
                        AccessControl& access, const CurrentPolicy& policy, const telemetry::Log& log,
                        const std::stop_token& stop) {
  const auto routes = std::make_shared<HistoryRoutes>(store, receiver, starter, access, policy, log, stop);
  std::map<std::string, std::string> methods;  // of each pattern
  const auto add = [&](const std::string& method, const std::string& pattern, std::string_view scope, auto answer) {
    listener.route(method, pattern,
                   [routes, scope, answer](const Request& request) { return routes->serve(request, scope, answer); });
    methods[pattern] += (methods[pattern].empty() ? "" : ", ") + (method == "GET" ? "GET, HEAD" : method);
  };
  add("GET", "/api/v1/deliveries", "history.read", &HistoryRoutes::list_deliveries);
  add("GET", "/api/v1/deliveries/{id}", "history.read", &HistoryRoutes::get_delivery);
  add("DELETE", "/api/v1/deliveries/{id}", "history.delete", &HistoryRoutes::erase);
  add("POST", "/api/v1/deliveries/{id}/redeliver", "history.redeliver", &HistoryRoutes::redeliver);
  add("POST", "/api/v1/deliveries/{id}/explain", "history.read", &HistoryRoutes::explain);
  add("POST", "/api/v1/triggers/{id}/release", "history.redeliver", &HistoryRoutes::release);
  add("GET", "/api/v1/jobs", "history.read", &HistoryRoutes::list_jobs);
  add("GET", "/api/v1/jobs/{id}", "history.read", &HistoryRoutes::get_job);
  add("GET", "/api/v1/jobs/{id}/log", "history.read", &HistoryRoutes::job_log);
  for (const auto& [pattern, of_it] : methods) {
    listener.route("OPTIONS", pattern, [routes, allow = of_it + ", OPTIONS"](const Request& request) {
      return routes->options(request, allow);
    });
  }
}

}  // namespace penstock::server
