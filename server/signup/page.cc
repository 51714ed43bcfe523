#include "server/signup/page.h"

#include <algorithm>

#include "server/pages/assets.h"
#include "server/pages/frame.h"
#include "server/pages/html.h"

namespace penstock::server::signup {
namespace {

using pages::Attribute;
using pages::element;
using pages::Html;
using pages::join;
using pages::when;

// No script at all. The form leads to the confirmation address by a redirect, which browsers hold against form-action.
void add_headers(listener::Response& response, std::string_view confirmation_origin) {
  pages::add_page_headers(response);
  std::string policy =
      "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action "
      "'self'";
  if (!confirmation_origin.empty()) policy += " " + std::string(confirmation_origin);
  for (auto& [name, value] : response.headers) {
    if (name == "Content-Security-Policy") value = policy;
  }
}

listener::Response page(int status, std::string_view title, const Html& content, std::string_view confirmation_origin) {
  listener::Response response{.status = status, .content_type = "text/html; charset=utf-8"};
  const Html head = element(
      "head",
      {element("meta", {{"charset", "utf-8"}}, {}),
       element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}, {}),
       element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}, {}),
       element("meta", {{"name", "robots"}, {"content", "noindex"}}, {}), element("title", {title}),
       element("link", {{"rel", "icon"}, {"type", "image/svg+xml"}, {"href", pages::asset_path("icon.svg")}}, {}),
       element("link", {{"rel", "stylesheet"}, {"href", pages::asset_path("penstock.css")}}, {})});
  response.body = pages::document(
      head, element("body", {{"class", "sign-up"}},
                    {element("main", {{"id", "content"}}, {element("div", {{"class", "card"}}, {content})})}));
  add_headers(response, confirmation_origin);
  return response;
}

Html fact(const char* name, std::string_view value) {
  return element("div", {element("dt", {name}), element("dd", {value})});
}

Html field(const Form& form, const Request& request, const config::ThirdPartyProperty& property) {
  const std::string name = field_name(property.name);
  const auto value = form.values.find(property.name);
  const auto problem = form.problems.find(property.name);
  const bool is_kept = property.secret && request.find(property.name) != nullptr;

  std::string described_by;
  const auto describe = [&](std::string_view what) {
    described_by += (described_by.empty() ? "" : " ") + name + "-" + std::string(what);
    return name + "-" + std::string(what);
  };
  Html notes;
  if (problem != form.problems.end()) {
    notes += element("p", {{"id", describe("problem")}, {"class", "field-problem small"}}, {problem->second});
  }
  if (!property.description.empty()) {
    notes += element("p", {{"id", describe("about")}, {"class", "quiet small"}}, {property.description});
  }
  if (is_kept) {
    notes += element("p", {{"id", describe("kept")}, {"class", "quiet small"}},
                     {"It has a value, which is not shown. Leave this empty to keep it."});
  }
  std::vector<Attribute> attributes{{"id", name},
                                    {"name", name},
                                    {"type", property.secret ? "password" : "text"},
                                    {"maxlength", "1000"},
                                    {"autocomplete", property.secret ? "new-password" : "off"},
                                    {"required", when(property.required && !is_kept)}};
  if (!property.secret && value != form.values.end()) attributes.push_back({"value", value->second});
  if (!described_by.empty()) attributes.push_back({"aria-describedby", described_by});
  if (problem != form.problems.end()) attributes.push_back({"aria-invalid", "true"});
  return element("div", {{"class", "field"}},
                 {element("label", {{"for", name}},
                          {property.name, property.required ? Html() : element("span", {" (optional)"})}),
                  element("input", attributes, {}), notes});
}

Html summary_of_problems(const Form& form) {
  if (form.problems.empty()) return {};
  Html list;
  for (const auto& [property, problem] : form.problems) {
    list += element("li", {element("a", {{"href", "#" + field_name(property)}}, {property + ": " + problem})});
  }
  return element("div", {{"class", "failure"}, {"role", "alert"}},
                 {element("p", {"Nothing was saved yet:"}), element("ul", {list})});
}

}  // namespace

std::string field_name(std::string_view property) {
  return "property-" + std::string(property);
}

listener::Response show_form(const Form& form, const Request& request) {
  const bool is_change = !request.configuration.empty();
  const std::string title = (is_change ? "Change the settings of " : "Connect to ") + form.provider;
  Html fields;
  for (const config::ThirdPartyProperty& property : form.properties) fields += field(form, request, property);
  if (form.properties.empty()) fields = element("p", {"There is nothing to fill in."});
  const Html content = join(
      {element("h1", {title}), summary_of_problems(form),
       element("p", {{"class", "lead"}},
               {is_change ? "AWS CodePipeline has sent you here to change this action:"
                          : "AWS CodePipeline has sent you here to set up this action:"}),
       element("dl", {{"class", "sign-up-facts"}},
               {fact("Pipeline", request.pipeline), fact("Stage", request.stage), fact("Action", request.action),
                fact("Region", request.region)}),
       element("form", {{"method", "post"}, {"action", form.path}, {"class", "sign-up-form"}},
               {element("input", {{"type", "hidden"}, {"name", "id"}, {"value", form.id}}, {}),
                element("input", {{"type", "hidden"}, {"name", "formToken"}, {"value", form.form_token}}, {}), fields,
                element("button", {{"type", "submit"}, {"class", "primary"}},
                        {is_change ? "Save and go back to CodePipeline" : "Connect and go back to CodePipeline"})}),
       element("p", {{"class", "quiet small"}},
               {"Do you not expect this? Close the page: nothing is kept until you send the form."})});
  return page(form.problems.empty() ? 200 : 422, title, content, form.confirmation_origin);
}

listener::Response show_message(int status, std::string_view title, std::string_view text) {
  return page(status, title, join({element("h1", {title}), element("p", {text})}), "");
}

}  // namespace penstock::server::signup
