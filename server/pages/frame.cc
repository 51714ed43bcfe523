#include "server/pages/frame.h"

#include "server/pages/assets.h"

namespace penstock::server::pages {
namespace {

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

Html head_of(const Frame& frame) {
  return element(
      "head",
      {element("meta", {{"charset", "utf-8"}}, {}),
       element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}, {}),
       element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}, {}),
       frame.now ? element("meta", {{"name", "penstock-now"}, {"content", format_rfc3339(*frame.now)}}, {}) : Html(),
       element("title", {frame.title.empty() ? Html("Penstock") : join({frame.title, " · Penstock"})}),
       element("link", {{"rel", "icon"}, {"type", "image/svg+xml"}, {"href", asset_path("icon.svg")}}, {}),
       element("link", {{"rel", "stylesheet"}, {"href", asset_path("penstock.css")}}, {}),
       element("script", {{"type", "module"}, {"src", asset_path("penstock.js")}}, {})});
}

// A gate between two walls, and the water that it lets through.
Html mark() {
  return element("svg", {{"viewBox", "0 0 24 24"}, {"aria-hidden", "true"}, {"focusable", "false"}, {"class", "mark"}},
                 {element("path", {{"class", "walls"}, {"d", "M4 3v18M20 3v18M4 7h16"}}, {}),
                  element("path",
                          {{"class", "water"},
                           {"d",
                            "M7.5 13c1.5-1.6 3-1.6 4.5 0s3 1.6 4.5 0M7.5 18c1.5-1.6 "
                            "3-1.6 4.5 0s3 1.6 4.5 0"}},
                          {})});
}

Html place_link(const Frame& frame, Place place, const char* path, const char* text) {
  std::vector<Attribute> attributes{{"href", path}};
  if (frame.place == place) attributes.push_back({"aria-current", "page"});
  return element("li", {element("a", attributes, Html(text))});
}

Html who(const Visitor& visitor) {
  if (visitor.name.empty()) return {};
  Html sign_out;
  if (visitor.can_sign_out) {
    sign_out = element("form", {{"method", "post"}, {"action", "/sign-out"}},
                       {form_token_field(visitor), element("button", {{"class", "plain"}}, {"Sign out"})});
  }
  return element("div", {{"class", "visitor"}},
                 {element("span", {{"class", "unseen"}}, {"You are "}),
                  element("span", {{"class", "visitor-name"}}, {visitor.name}), sign_out});
}

Html header_of(const Frame& frame) {
  return element("header", {{"class", "top"}},
                 {element("div", {{"class", "top-inner"}},
                          {element("a", {{"class", "brand"}, {"href", "/"}}, {mark(), "Penstock"}),
                           element("nav", {{"aria-label", "Main"}},
                                   {element("ul", {place_link(frame, Place::kOverview, "/", "Overview"),
                                                   place_link(frame, Place::kDeliveries, "/deliveries", "Deliveries"),
                                                   place_link(frame, Place::kJobs, "/jobs", "Jobs")})}),
                           who(frame.visitor)})});
}

}  // namespace

void add_page_headers(listener::Response& response) {
  response.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
}

listener::Response show(int status, const Frame& frame, const Html& content) {
  listener::Response response{.status = status, .content_type = "text/html; charset=utf-8"};
  response.body = document(
      head_of(frame),
      element("body", {element("a", {{"class", "skip"}, {"href", "#content"}}, {"Skip to the content"}),
                       header_of(frame), element("main", {{"id", "content"}, {"tabindex", "-1"}}, {content})}));
  add_page_headers(response);
  return response;
}

listener::Response show_problem(int status, std::string_view title, std::string_view detail, const Html& advice,
                                const Visitor& visitor, std::string_view request_id) {
  return show(status, {.title = std::string(title), .visitor = visitor},
              element("div", {{"class", "problem"}},
                      {element("p", {{"class", "problem-status"}}, {std::to_string(status)}), element("h1", {title}),
                       element("p", {detail}), advice.empty() ? Html() : element("p", {advice}),
                       element("p", {{"class", "quiet small"}},
                               {"Request ", element("code", {request_id}), ": the log knows it by this id."})}));
}

listener::Response redirect(const std::string& path) {
  listener::Response response{.status = 303, .content_type = "text/plain; charset=utf-8"};
  response.headers.emplace_back("Location", is_safe_link(path) ? path : "/");
  add_page_headers(response);
  return response;
}

Html form_token_field(const Visitor& visitor) {
  return element("input", {{"type", "hidden"}, {"name", "formToken"}, {"value", visitor.form_token}}, {});
}

}  // namespace penstock::server::pages
