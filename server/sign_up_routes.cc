#include "server/sign_up_routes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/ip_range.h"
#include "core/json/json.h"
#include "core/listener/router.h"
#include "server/pages/frame.h"
#include "server/signup/page.h"
#include "server/signup/request.h"

namespace penstock::server::signup {
namespace {

using listener::Response;
using HttpRequest = listener::Request;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxForm = 3 * kMaxRequestBytes + (32u << 10);  // as it is encoded

constexpr char kStartAgain[] =
    "Go back to the pipeline in the CodePipeline console and choose the action's Connect button there.";

std::string cookie_name(std::string_view id) {
  // The prefix makes browsers hold it to this host, to https and to the whole of it.
  return "__Host-penstock-sign-up-" + std::string(id);
}

std::optional<std::string> cookie_of(const HttpRequest& request, std::string_view name) {
  const std::optional<std::string> header = request.header("Cookie");
  if (!header) return std::nullopt;
  for (const std::string& part : split(*header, ';')) {
    const std::string_view pair = trim(part);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) return std::string(pair.substr(equals + 1));
  }
  return std::nullopt;
}

std::vector<std::string> values_of(const Fields& fields, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const auto values = values_of(fields, name);
  return values.size() == 1 ? values.front() : std::string();
}

std::string sealing_context(const std::string& path) {
  return "waiting sign-up\n" + path;
}

// A page of another site must not send the form, nor show ours inside of it. Browsers that do not say where a request
// comes from are left to the cookie, which they do not send along with another site's POST.
bool comes_from_another_page(const HttpRequest& request) {
  const std::optional<std::string> site = request.header("Sec-Fetch-Site");
  return site && *site != "same-origin";
}

bool is_for_a_frame(const HttpRequest& request) {
  const std::optional<std::string> destination = request.header("Sec-Fetch-Dest");
  return destination && *destination != "document";
}

std::string with_region(std::string url, const std::string& region) {
  constexpr std::string_view kRegion = "{region}";
  for (std::size_t at = 0; (at = url.find(kRegion, at)) != std::string::npos; at += region.size()) {
    url.replace(at, kRegion.size(), region);  // letters, digits and dashes alone
  }
  return url;
}

}  // namespace

std::string confirmation_address(const Subject& subject, const std::string& region, const std::string& request_id,
                                 const Fields& configuration) {
  json::Json list = json::Json::array();
  for (const auto& [key, value] : configuration) list.push_back({{"key", key}, {"value", value}});
  const std::string response = percent_encode(
      json::dump({{"result", "succeeded"}, {"requestId", request_id}, {"actionConfiguration", std::move(list)}}));
  std::string url = with_region(subject.confirmation_url, region);
  url.replace(url.find("{response}"), 10, response);
  return url;
}

std::string confirmation_origin(const Subject& subject, const std::string& region) {
  const std::string url = with_region(subject.confirmation_url, region);
  return url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
}

void SignUpRoutes::set_subjects(Subjects subjects) {
  auto fresh = std::make_shared<const Subjects>(std::move(subjects));
  std::lock_guard lock(mutex_);
  subjects_ = std::move(fresh);
}

void SignUpRoutes::add_to(listener::Listener& listener) {
  std::lock_guard lock(mutex_);
  for (const auto& [path, subject] : *subjects_) {
    for (const char* method : {"GET", "POST"}) {
      listener.route(method, path, [this](const HttpRequest& request) { return answer(request); });
    }
  }
}

Response SignUpRoutes::refuse(int status, std::string_view title, std::string_view text) {
  counts_.refused.fetch_add(1, std::memory_order_relaxed);
  return show_message(status, title, text);
}

bool SignUpRoutes::is_within_limit(const HttpRequest& request) {
  const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
  const auto client =
      hooks::client_address(peer, request.header("X-Forwarded-For"), parts_.policy.get()->trusted_proxies);
  return attempts_.note(client.network(), parts_.clock.steady_now()).within_limit;
}

Response SignUpRoutes::answer(const HttpRequest& request) {
  std::shared_ptr<const Subjects> subjects;
  {
    std::lock_guard lock(mutex_);
    subjects = subjects_;
  }
  const auto found = subjects->find(request.path);
  if (found == subjects->end()) {
    return refuse(404, "This page is gone", "The action that it was for is not offered here any more.");
  }
  const auto& [path, subject] = *found;
  if (is_for_a_frame(request)) return refuse(403, "Not inside another page", kStartAgain);

  Fields fields;
  if (request.method == "POST" && !request.body.empty()) {
    const std::string type = to_lower(request.header("Content-Type").value_or(""));
    if (!type.starts_with("application/x-www-form-urlencoded") || request.body.size() > kMaxForm) {
      return refuse(request.body.size() > kMaxForm ? 413 : 415, "This request cannot be read", kStartAgain);
    }
    fields = listener::parse_query(request.body);
  }
  std::vector<std::string> requests = values_of(request.query, "request");
  for (std::string& json : values_of(fields, "request")) requests.push_back(std::move(json));
  if (requests.size() > 1) return refuse(400, "This request cannot be read", kStartAgain);

  try {
    if (requests.size() == 1) return begin(request, path, subject, requests.front());
    if (request.method == "POST") return submit(request, path, subject, fields);
    return show(request, path, subject);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInvalidInput) {
      parts_.log.info("a sign-up request was refused", {{"request", request.request_id}, {"error", error.what()}});
      return refuse(400, "This request cannot be read", std::string(error.what()) + ". " + kStartAgain);
    }
    if (error.kind() == ErrorKind::kConflict) {
      return refuse(409, "This sign-up was finished before", kStartAgain);
    }
    parts_.log.error("a sign-up failed", {{"request", request.request_id}, {"error", error.what()}});
    Response response =
        refuse(503, "Try again in a moment", "Nothing was saved. Send the form again, or reload the page.");
    response.headers.emplace_back("Retry-After", "30");
    return response;
  }
}

// The address still holds the token, which must not stay in the browser's history or be told to the next site: what
// came along is put aside, and the browser is sent to the same page without it.
Response SignUpRoutes::begin(const HttpRequest& request, const std::string& path, const Subject& subject,
                             const std::string& json) {
  if (!is_within_limit(request)) {
    Response response =
        refuse(429, "Too many sign-ups", "Too many were begun from your network. Try again in a minute.");
    response.headers.emplace_back("Retry-After", "60");
    return response;
  }
  const Request parsed = parse_request(json);
  const std::string digest = sha256_hex(subject.action_type + "\n" + parsed.request_id);
  if (parts_.store.is_sign_up_request_used(digest)) {
    return refuse(409, "This sign-up was finished before", kStartAgain);
  }
  const auto ticket = pending_.add(path, subject.sealer->seal(json, sealing_context(path)), parts_.clock.steady_now());
  if (!ticket) {
    Response response = refuse(503, "Too many sign-ups are waiting", "Try again in a few minutes.");
    response.headers.emplace_back("Retry-After", "120");
    return response;
  }
  counts_.begun.fetch_add(1, std::memory_order_relaxed);
  Response response = pages::redirect(path + "?id=" + ticket->id);
  response.headers.emplace_back("Set-Cookie", cookie_name(ticket->id) + "=" + ticket->cookie +
                                                  "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=" +
                                                  std::to_string(pending_.lifetime().count()));
  return response;
}

namespace {

Form make_form(const std::string& path, const Subject& subject, const Request& asked, const std::string& id,
               const std::string& form_token) {
  Form form{.path = path,
            .id = id,
            .form_token = form_token,
            .provider = subject.provider,
            .confirmation_origin = confirmation_origin(subject, asked.region),
            .properties = subject.properties,
            .values = {},
            .problems = {}};
  for (const config::ThirdPartyProperty& property : subject.properties) {
    const std::string* value = asked.find(property.name);
    if (value != nullptr && !property.secret) form.values[property.name] = *value;
  }
  return form;
}

// What was filled in, with problems and values in `form`. A property that stays empty is left out.
Fields read_configuration(const Subject& subject, const Request& asked, const Fields& fields, Form& form) {
  Fields configuration;
  for (const config::ThirdPartyProperty& property : subject.properties) {
    std::string value(trim(value_of(fields, field_name(property.name))));
    if (!property.secret) form.values[property.name] = value;
    if (value.empty() && property.secret && asked.find(property.name) != nullptr) value = *asked.find(property.name);
    if (!is_configuration_value(value)) {
      form.problems[property.name] = "expected at most 1000 characters in one line";
    } else if (value.empty() && property.required) {
      form.problems[property.name] = "must be filled in";
    } else if (!value.empty()) {
      configuration.emplace_back(property.name, value);
    }
  }
  return configuration;
}

constexpr char kTimeIsUp[] = "Its time is up, or it was begun in another browser. ";

}  // namespace

Response SignUpRoutes::show(const HttpRequest& request, const std::string& path, const Subject& subject) {
  const std::string id = value_of(request.query, "id");
  if (id.empty()) return show_message(200, "Connect to " + subject.provider, kStartAgain);
  const std::string cookie = cookie_of(request, cookie_name(id)).value_or("");
  const auto sealed = pending_.find(path, id, cookie, parts_.clock.steady_now());
  if (!sealed) return refuse(410, "This sign-up is over", std::string(kTimeIsUp) + kStartAgain);
  const Request asked = parse_request(subject.sealer->open(*sealed, sealing_context(path)).reveal());
  return show_form(make_form(path, subject, asked, id, parts_.form_tokens.make(cookie)), asked);
}

Response SignUpRoutes::submit(const HttpRequest& request, const std::string& path, const Subject& subject,
                              const Fields& fields) {
  if (comes_from_another_page(request)) return refuse(403, "This form was sent by another page", kStartAgain);
  const std::string id = value_of(fields, "id");
  const std::string cookie = cookie_of(request, cookie_name(id)).value_or("");
  if (cookie.empty() || !parts_.form_tokens.check(cookie, value_of(fields, "formToken"))) {
    return refuse(403, "This form was not made for you", std::string(kTimeIsUp) + kStartAgain);
  }
  const auto sealed = pending_.find(path, id, cookie, parts_.clock.steady_now());
  if (!sealed) return refuse(410, "This sign-up is over", std::string(kTimeIsUp) + kStartAgain);
  const Request asked = parse_request(subject.sealer->open(*sealed, sealing_context(path)).reveal());

  Form form = make_form(path, subject, asked, id, parts_.form_tokens.make(cookie));
  const Fields configuration = read_configuration(subject, asked, fields, form);
  if (!form.problems.empty()) return show_form(form, asked);

  parts_.tokens.add({.client = {subject.action_type, asked.client_id},
                     .region = asked.region,
                     .pipeline = asked.pipeline,
                     .stage = asked.stage,
                     .action = asked.action,
                     .request_digest = sha256_hex(subject.action_type + "\n" + asked.request_id)},
                    asked.client_token);
  pending_.remove(id);
  counts_.completed.fetch_add(1, std::memory_order_relaxed);
  parts_.log.info("a client signed up", {{"client", asked.client_id},
                                         {"actionType", subject.action_type},
                                         {"region", asked.region},
                                         {"pipeline", asked.pipeline},
                                         {"stage", asked.stage},
                                         {"action", asked.action}});
  Response response{.status = 303, .content_type = "text/plain; charset=utf-8"};
  pages::add_page_headers(response);
  response.headers.emplace_back("Location",
                                confirmation_address(subject, asked.region, asked.request_id, configuration));
  response.headers.emplace_back("Set-Cookie", cookie_name(id) + "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
  return response;
}

}  // namespace penstock::server::signup
