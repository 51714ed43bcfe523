#include "server/history_export.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "server/history_json.h"
#include "server/history_parameters.h"

namespace penstock::server {
namespace {

using listener::Request;
using listener::Response;

constexpr std::string_view kNdjson = "application/x-ndjson";
// So many threads of the listener's streams, and not more, so that logs can be followed meanwhile.
constexpr int kMaxExports = 8;

struct Lines {
  std::string text;
  std::string next_cursor;
};

}  // namespace

bool HistoryExport::is_wanted(const Request& request) {
  return request.header("Accept").value_or("").find(kNdjson) != std::string::npos;
}

template <typename Query, typename ReadPage>
Response HistoryExport::start(const Request& request, Query query, ReadPage read_page) {
  Response response{.content_type = std::string(kNdjson)};
  response.headers.emplace_back("Vary", "Authorization, Cookie, Accept");
  if (running_->fetch_add(1) >= kMaxExports) {
    running_->fetch_sub(1);
    response = listener::problem(request, 503, "too many exports are under way; come again later");
    response.headers.emplace_back("Retry-After", "30");
    return response;
  }
  // Released with the last copy of the stream's closure, however the connection ends.
  const std::shared_ptr<void> slot(nullptr, [running = running_](void*) { running->fetch_sub(1); });
  auto first = std::make_shared<Lines>(read_page(query));
  if (request.method == "HEAD") {
    response.stream = [](const std::function<bool(std::string_view)>&) { return false; };
    return response;
  }
  response.stream = [this, slot, query = std::move(query), read_page, lines = std::move(first),
                     id = request.request_id](const std::function<bool(std::string_view)>& write) mutable {
    try {
      if (!write(lines->text) || lines->next_cursor.empty()) return false;
      if (stop_.stop_requested()) throw Error(ErrorKind::kCancelled, "the server stops");
      query.cursor = lines->next_cursor;
      *lines = read_page(query);
      return true;
    } catch (const std::exception& error) {
      log_.warning("an export broke off", {{"requestId", id}, {"error", error.what()}});
      throw;
    }
  };
  return response;
}

Response HistoryExport::deliveries(const Request& request) {
  return start(request, read_delivery_query(request, ListForm::kExport),
               [store = &store_](const store::DeliveryQuery& query) {
                 const store::DeliveryPage page = store->list_deliveries(query);
                 Lines lines{.text = {}, .next_cursor = page.next_cursor};
                 for (const store::Delivery& delivery : page.deliveries) {
                   lines.text += delivery_line(delivery);
                   lines.text += '\n';
                 }
                 return lines;
               });
}

Response HistoryExport::jobs(const Request& request) {
  return start(request, read_job_query(request, ListForm::kExport), [store = &store_](const store::JobQuery& query) {
    const store::JobPage page = store->list_jobs(query);
    Lines lines{.text = {}, .next_cursor = page.next_cursor};
    for (const store::Job& job : page.jobs) {
      lines.text += job_line(job);
      lines.text += '\n';
    }
    return lines;
  });
}

}  // namespace penstock::server
