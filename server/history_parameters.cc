#include "server/history_parameters.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock::server {
namespace {

constexpr int kMaxPage = 500;
constexpr int kUsualPage = 50;
constexpr std::size_t kMaxValueBytes = 1024;

// Reads parameters, each once; finish() refuses those that nobody asked for.
class Parameters {
 public:
  explicit Parameters(const listener::Request& request) : request_(request) {}

  std::optional<std::string> text(const std::string& name) {
    known_.push_back(name);
    std::optional<std::string> found;
    for (const auto& [parameter, value] : request_.query) {
      if (parameter != name) continue;
      if (found) throw Error(ErrorKind::kInvalidInput, "query parameter " + in_quotes(name) + ": expected once");
      found = value;
    }
    if (!found || found->empty()) return std::nullopt;
    if (found->size() > kMaxValueBytes) {
      throw Error(ErrorKind::kInvalidInput, "query parameter " + in_quotes(name) + ": expected at most " +
                                                std::to_string(kMaxValueBytes) + " bytes");
    }
    return found;
  }

  std::optional<Timestamp> time(const std::string& name) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto time = parse_rfc3339(*value);
    if (!time) refuse(name, "an RFC 3339 time such as 2026-11-21T09:30:00Z", *value);
    return time;
  }

  std::optional<std::string> uuid(const std::string& name) {
    auto value = text(name);
    if (value && !is_uuid(*value)) refuse(name, "a UUID", *value);
    return value;
  }

  int page_size() {
    const auto value = text("limit");
    if (!value) return kUsualPage;
    const auto number = parse_unsigned(*value);
    if (!number || *number < 1 || *number > kMaxPage) refuse("limit", "a number from 1 to 500", *value);
    return static_cast<int>(*number);
  }

  template <typename T>
  std::optional<T> one_of(const std::string& name, std::optional<T> (*parse)(std::string_view) noexcept,
                          std::string_view expected) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto parsed = parse(*value);
    if (!parsed) refuse(name, expected, *value);
    return parsed;
  }

  void finish() const {
    for (const auto& [name, value] : request_.query) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const auto nearest = nearest_name(name, known_);
      throw Error(ErrorKind::kInvalidInput, "unknown query parameter " + in_quotes(name) +
                                                (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
    }
  }

 private:
  [[noreturn]] static void refuse(const std::string& name, std::string_view expected, std::string_view found) {
    throw Error(ErrorKind::kInvalidInput, "query parameter " + in_quotes(name) + ": expected " + std::string(expected) +
                                              ", found " + in_quotes(found));
  }

  const listener::Request& request_;
  std::vector<std::string> known_;
};

template <typename Query>
void read_common(Parameters& parameters, ListForm form, Query& query) {
  query.limit = form == ListForm::kPage ? parameters.page_size() : kMaxPage;
  query.cursor = parameters.text("cursor").value_or("");
  query.since = parameters.time("since");
  query.until = parameters.time("until");
}

}  // namespace

store::DeliveryQuery read_delivery_query(const listener::Request& request, ListForm form) {
  Parameters parameters(request);
  store::DeliveryQuery query;
  read_common(parameters, form, query);
  query.event_type = parameters.text("eventType");
  query.repository = parameters.text("repository");
  query.ref = parameters.text("ref");
  query.pipeline = parameters.text("pipeline");
  query.webhook = parameters.text("webhook");
  query.words = parameters.text("q");
  query.outcome = parameters.one_of("outcome", store::parse_outcome,
                                    "triggered, filtered, duplicate, test, ignored, rejected or dry-run");
  parameters.finish();
  return query;
}

store::JobQuery read_job_query(const listener::Request& request, ListForm form) {
  Parameters parameters(request);
  store::JobQuery query;
  read_common(parameters, form, query);
  query.pipeline = parameters.text("pipeline");
  query.pipeline_execution_id = parameters.text("pipelineExecutionId");
  query.action_type = parameters.text("actionType");
  query.delivery_id = parameters.uuid("deliveryId");
  query.state = parameters.one_of("state", store::parse_job_state,
                                  "claimed, acknowledged, running, reporting, succeeded, failed or lost");
  parameters.finish();
  return query;
}

void expect_no_parameters(const listener::Request& request) {
  Parameters(request).finish();
}

}  // namespace penstock::server
