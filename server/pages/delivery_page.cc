#include "server/pages/delivery_page.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/document.h"
#include "core/json/json.h"
#include "core/json/jsonpath.h"
#include "server/pages/parts.h"

namespace penstock::server::pages {
namespace {

using json::Json;
using json::string_or;

constexpr std::size_t kMaxNodes = 100;
constexpr std::size_t kMaxNodeCharacters = 2000;
constexpr std::size_t kMaxDecisions = 200;
constexpr std::size_t kMaxCommits = 20;
constexpr std::size_t kMaxRefs = 50;
constexpr std::size_t kMaxChanges = 100;
constexpr std::size_t kMaxBodyShown = 512u << 10;
constexpr std::size_t kMaxQueryBytes = 4u << 10;

bool flag(const Json& object, std::string_view member) {
  const Json* const value = json::find(object, member);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

// Of a payload that anybody may have made: null where the way leads nowhere.
const Json* follow(const Json& from, std::initializer_list<std::string_view> members) {
  const Json* at = &from;
  for (const std::string_view member : members) {
    at = json::find(*at, member);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string text_at(const Json& from, std::initializer_list<std::string_view> members) {
  const Json* const found = follow(from, members);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

std::string cut(const std::string& text, std::size_t characters = kMaxNodeCharacters) {
  return truncate_utf8(text, characters, 4 * characters);
}

Html values(const Json& filter) {
  const Json* const selected = json::find(filter, "selected");
  if (selected == nullptr || !selected->is_array() || selected->empty())
    return element("span", {{"class", "quiet"}}, {"nothing"});
  Html list;
  for (const Json& value : *selected) {
    list += element("li", {code(value.is_string() ? value.get<std::string>() : json::dump(value))});
  }
  const Json* const count = json::find(filter, "selectedCount");
  if (count != nullptr && count->is_number_unsigned() && count->get<std::size_t>() > selected->size()) {
    list += element("li", {{"class", "quiet"}},
                    {"and " + std::to_string(count->get<std::size_t>() - selected->size()) + " more"});
  }
  return element("ul", {{"class", "plain-list"}}, {list});
}

Html expectation(std::string_view condition, std::string_view expected) {
  return join({element("span", {{"class", "quiet"}}, {condition}), " ", code(expected)});
}

Html filters_table(const Json& decision, const std::string& try_link) {
  const Json* const filters = json::find(decision, "filters");
  if (filters == nullptr || !filters->is_array() || filters->empty())
    return element("p", {{"class", "quiet"}}, {"It has no filters that were judged."});
  Table table("Filters of " + string_or(decision, "webhook"),
              {{"Query", "wide"}, {"Result"}, {"Expected", "wide"}, {"Found", "wide"}});
  for (const Json& filter : *filters) {
    const std::string query = string_or(filter, "jsonPath"), note = string_or(filter, "note");
    const bool matched = flag(filter, "matched");
    Html found = values(filter);
    if (!note.empty()) found += element("p", {{"class", "quiet small"}}, {note});
    table.add_row("", {link_to(try_link + query_string({{"jsonPath", query}}) + "#try", code(query)),
                       badge(matched ? Tone::kGood : Tone::kBad, matched ? "passed" : "failed"),
                       expectation(string_or(filter, "condition"), string_or(filter, "expected")), found});
  }
  return table.build();
}

Html decision_badge(bool matched, bool waiting) {
  if (waiting) return badge(Tone::kWaiting, "waiting");
  return badge(matched ? Tone::kGood : Tone::kQuiet, matched ? "matched" : "not matched");
}

Html decisions(const DeliveryView& view) {
  const Json list =
      Json::parse(view.delivery.decisions_json.empty() ? "[]" : view.delivery.decisions_json, nullptr, false);
  if (!list.is_array() || list.empty()) {
    return element("p", {{"class", "quiet"}}, {"No webhook was asked: " + view.delivery.reason + "."});
  }
  const std::string self = path_to("deliveries", view.delivery.id);
  Html items;
  std::size_t number = 0;
  for (const Json& decision : list) {
    if (++number > kMaxDecisions) {
      items += element("p", {"And " + std::to_string(list.size() - kMaxDecisions) + " more; the API has all of them."});
      break;
    }
    const bool matched = flag(decision, "matched"), waiting = flag(decision, "waiting");
    const std::string ref = string_or(decision, "ref"), pipeline = string_or(decision, "targetPipeline");
    Html summary = join({element("span", {{"class", "name"}}, {string_or(decision, "webhook")}), " ",
                         decision_badge(matched, waiting)});
    if (!ref.empty()) summary += join({" ", element("span", {{"class", "ref"}}, {short_ref(ref)})});
    if (!pipeline.empty()) {
      summary += element("span", {{"class", "quiet"}}, {" pipeline ", pipeline});
    }
    summary += element("span", {{"class", "block reason"}}, {string_or(decision, "reason")});
    // Few of them are all open; of many, those that matter.
    items += element("details", {{"class", "decision"}, {"open", when(list.size() <= 4 || matched || waiting)}},
                     {element("summary", {summary}), filters_table(decision, self)});
  }
  return items;
}

Html release_form(const DeliveryView& view, const store::Trigger& trigger) {
  if (!view.visitor.may_redeliver || trigger.state != store::TriggerState::kDeferred) return {};
  return element("form", {{"method", "post"}, {"action", path_to("triggers", trigger.id, "release")}},
                 {form_token_field(view.visitor),
                  element("input", {{"type", "hidden"}, {"name", "deliveryId"}, {"value", view.delivery.id}}, {}),
                  element("button", {{"type", "submit"}},
                          {"Release ", element("span", {{"class", "unseen"}}, {trigger.pipeline, " "}), "now"})});
}

Html what_delays(const store::Trigger& trigger, Timestamp now) {
  Html text;
  if (trigger.state == store::TriggerState::kDeferred) {
    text += "Its calendar is closed";
  } else if (trigger.state == store::TriggerState::kPending) {
    text += trigger.undecided      ? Html("It waits for the action's configuration")
            : trigger.awaits_paths ? Html("It waits for the changed paths")
                                   : Html("It waits for its turn");
  }
  if (!text.empty() && trigger.next_attempt_at)
    text += join({"; next: ", time_with_age(*trigger.next_attempt_at, now)});
  return text;
}

Html triggers_section(const DeliveryView& view, const std::string& remote_url) {
  if (view.delivery.triggers.empty()) return {};
  Table table(
      "Triggers and executions",
      {{"Pipeline", "wide"}, {"State"}, {"Webhook"}, {"Ref"}, {"Commit"}, {"Execution and jobs"}, {"More", "wide"}});
  for (const store::Trigger& trigger : view.delivery.triggers) {
    Html execution;
    if (!trigger.pipeline_execution_id.empty()) {
      const std::string console = view.links.execution(trigger.pipeline, trigger.pipeline_execution_id);
      execution += console.empty() ? code(trigger.pipeline_execution_id.substr(0, 8))
                                   : external_link(console, "execution " + trigger.pipeline_execution_id.substr(0, 8));
      for (const store::Job& job : view.jobs) {
        if (job.pipeline_execution_id != trigger.pipeline_execution_id) continue;
        execution +=
            element("div", {link_to(path_to("jobs", job.id), job.action.empty() ? Html("job") : Html(job.action)), " ",
                            state_badge(job.state)});
      }
    }
    Html more;
    if (trigger.started_at) more += element("div", {"started ", time_with_age(*trigger.started_at, view.now)});
    if (const Html delay = what_delays(trigger, view.now); !delay.empty()) more += element("div", {delay});
    if (!trigger.error.empty()) more += element("div", {trigger.error});
    if (!trigger.note.empty()) more += element("div", {{"class", "quiet"}}, {trigger.note});
    if (trigger.attempts > 1)
      more += element("div", {{"class", "quiet"}}, {std::to_string(trigger.attempts) + " attempts"});
    if (trigger.generation > 0) {
      more += element("div", {{"class", "quiet"}}, {"redelivery " + std::to_string(trigger.generation)});
    }
    more += release_form(view, trigger);
    table.add_row("", {trigger.pipeline.empty() ? element("span", {{"class", "quiet"}}, {"by changed paths"})
                                                : Html(trigger.pipeline),
                       state_badge(trigger.state), Html(trigger.webhook), Html(short_ref(trigger.ref)),
                       commit(trigger.commit_id, azure_commit_page(remote_url, trigger.commit_id)), execution, more});
  }
  return section("triggers", "What it started", table.build());
}

Html commits_section(const Json& body, const std::string& remote_url) {
  const Json* const commits = follow(body, {"resource", "commits"});
  if (commits == nullptr || !commits->is_array() || commits->empty()) return {};
  Html items;
  std::size_t number = 0;
  for (const Json& entry : *commits) {
    if (++number > kMaxCommits) break;
    const std::string id = string_or(entry, "commitId"), author = text_at(entry, {"author", "name"});
    items +=
        element("li", {commit(id, azure_commit_page(remote_url, id)), " ",
                       element("span", {{"class", "message"}}, {cut(string_or(entry, "comment"), 500)}),
                       author.empty() ? Html() : element("span", {{"class", "quiet"}}, {" by ", cut(author, 100)})});
  }
  if (commits->size() > kMaxCommits) {
    items += element("li", {{"class", "quiet"}}, {"and " + std::to_string(commits->size() - kMaxCommits) + " more"});
  }
  return section("commits", "Commits", element("ul", {{"class", "commits"}}, {items}));
}

Html facts(const DeliveryView& view, const Json& body, const std::string& remote_url) {
  const store::Delivery& delivery = view.delivery;
  Facts facts;
  facts.add("Received", time_with_age(delivery.received_at, view.now));
  facts.add_text("Event", delivery.event_type);
  facts.add_text("Project", delivery.project);
  Html refs;
  for (std::size_t i = 0; i < delivery.ref_updates.size() && i < kMaxRefs; ++i) {
    const store::RefUpdateRecord& ref = delivery.ref_updates[i];
    refs += element("div", {code(ref.name), " ", commit(ref.old_object_id), " → ",
                            commit(ref.new_object_id, azure_commit_page(remote_url, ref.new_object_id))});
  }
  facts.add("Refs", refs);
  facts.add_text("Pushed by", cut(text_at(body, {"resource", "pushedBy", "displayName"}), 200));
  if (!delivery.pull_request_json.empty()) {
    const Json pull_request = Json::parse(delivery.pull_request_json, nullptr, false);
    const Json* const id = json::find(pull_request, "id");
    if (id != nullptr && id->is_number_integer()) {
      const std::string number = json::dump(*id), page = azure_pull_request_page(remote_url, number);
      facts.add("Pull request",
                join({page.empty() ? Html(number) : external_link(page, number), " ",
                      code(string_or(pull_request, "sourceRef")), " → ", code(string_or(pull_request, "targetRef")),
                      " ", string_or(pull_request, "event")}));
    }
  }
  facts.add_text("Endpoint", delivery.endpoint);
  facts.add_text("Sent from", delivery.remote_address);
  if (!delivery.subscription_id.empty()) facts.add("Subscription", code(delivery.subscription_id));
  if (delivery.notification_id) facts.add_text("Notification", std::to_string(*delivery.notification_id));
  if (delivery.duplicate_of)
    facts.add("Repeats", link_to(path_to("deliveries", *delivery.duplicate_of), code(*delivery.duplicate_of)));
  if (delivery.redelivery_of)
    facts.add("Redelivery of", link_to(path_to("deliveries", *delivery.redelivery_of), code(*delivery.redelivery_of)));
  facts.add("Id", code(delivery.id));
  return facts.build();
}

Html redeliver_form(const DeliveryView& view) {
  if (!view.visitor.may_redeliver || view.delivery.outcome == store::Outcome::kRejected) return {};
  Html choices = element("option", {{"value", ""}}, {"all webhooks"});
  for (const std::string& name : view.delivery.judged_webhooks) choices += element("option", {{"value", name}}, {name});
  return section(
      "again", "Process it again",
      join({element("p", {"It is judged by the webhooks of today; pipelines that it concerns are started once more."}),
            element("form",
                    {{"method", "post"},
                     {"action", path_to("deliveries", view.delivery.id, "redeliver")},
                     {"class", "inline-form"}},
                    {form_token_field(view.visitor),
                     element("div", {{"class", "field"}},
                             {element("label", {{"for", "field-redeliver-webhook"}}, {"For"}),
                              element("select", {{"id", "field-redeliver-webhook"}, {"name", "webhook"}}, {choices})}),
                     element("button", {{"type", "submit"}, {"class", "primary"}}, {"Redeliver"})})}));
}

Html side_text(const intake::FilterSide& side) {
  return join({expectation(side.condition, side.expected), " ",
               badge(side.matched ? Tone::kGood : Tone::kBad, side.matched ? "passed" : "failed")});
}

Html filter_changes(const intake::DecisionChange& change) {
  Html rows;
  for (const intake::FilterChange& filter : change.filters) {
    rows += element("li", {code(filter.json_path), ": ",
                           !filter.then  ? join({"new, ", side_text(*filter.now)})
                           : !filter.now ? join({"gone, it was ", side_text(*filter.then)})
                                         : join({side_text(*filter.then), " then, ", side_text(*filter.now), " now"})});
  }
  return rows.empty() ? Html() : element("ul", {rows});
}

Html comparison(const DeliveryView& view) {
  const std::string self = path_to("deliveries", view.delivery.id);
  if (!view.comparison_problem.empty()) {
    return section("comparison", "If it came now", element("p", {view.comparison_problem}));
  }
  if (!view.comparison) {
    if (view.delivery.outcome == store::Outcome::kRejected) return {};
    return section("comparison", "If it came now",
                   element("p", {link_to(self + "?compare=now#comparison", "Compare"),
                                 " with what today's configuration would decide. Nothing is started."}));
  }
  const WholeExplanation& whole = *view.comparison;
  Html content = element("p", {"It would be ", state_badge(whole.now.outcome), " ", whole.now.reason});
  Html prospects;
  for (const Prospect& prospect : whole.prospects) {
    prospects += element("li", {element("span", {{"class", "name"}}, {prospect.trigger.pipeline}), " would ",
                                to_string(prospect.step), ": ", prospect.reason});
  }
  if (!prospects.empty()) content += element("ul", {prospects});
  if (whole.changes.empty()) {
    content += element("p", {"The decisions would be the same."});
    return section("comparison", "If it came now", content);
  }
  Html changes;
  std::size_t number = 0;
  for (const intake::DecisionChange& change : whole.changes) {
    if (++number > kMaxChanges) break;
    Html text =
        join({element("span", {{"class", "name"}}, {change.webhook}),
              change.ref.empty() ? Html() : join({" ", element("span", {{"class", "ref"}}, {short_ref(change.ref)})}),
              ": "});
    if (!change.then) {
      text += join({"new, ", decision_badge(change.now->matched, change.now->waiting)});
    } else if (!change.now) {
      text += join({"is gone; it was ", decision_badge(change.then->matched, change.then->waiting)});
    } else {
      text += join({decision_badge(change.then->matched, change.then->waiting), " then, ",
                    decision_badge(change.now->matched, change.now->waiting), " now: ", change.now->reason});
    }
    changes += element("li", {text, filter_changes(change)});
  }
  return section(
      "comparison", "If it came now",
      join({content, element("h3", {"What is different"}), element("ul", {{"class", "changes"}}, {changes})}));
}

Html headers_table(const store::Delivery& delivery) {
  const Json headers =
      Json::parse(delivery.request_headers_json.empty() ? "{}" : delivery.request_headers_json, nullptr, false);
  if (!headers.is_object() || headers.empty()) return {};
  Html rows;
  for (const auto& [name, value] : headers.items()) {
    rows += element("div", {element("dt", {name}),
                            element("dd", {code(value.is_string() ? value.get<std::string>() : json::dump(value))})});
  }
  return element("details", {element("summary", {"Headers (" + std::to_string(headers.size()) + ")"}),
                             element("dl", {{"class", "facts"}}, {rows})});
}

Html body_block(const store::Delivery& delivery, const Json& body) {
  if (delivery.body.empty()) {
    return element("p", {{"class", "quiet"}}, {"The body was not kept (" + bytes_text(delivery.body_bytes) + ")."});
  }
  const std::string pretty =
      body.is_discarded() ? delivery.body : body.dump(2, ' ', false, Json::error_handler_t::replace);
  const bool is_cut = pretty.size() > kMaxBodyShown;
  return element(
      "details",
      {element("summary", {"Body (" + bytes_text(delivery.body_bytes) + ")"}),
       is_cut ? element("p", {"Only the beginning is shown; ",
                              link_to(path_to("api/v1/deliveries", delivery.id), "the API has all of it"), "."})
              : Html(),
       element("pre", {{"class", "body"}, {"tabindex", "0"}, {"aria-label", "Body"}, {"role", "region"}},
               {is_cut ? Html(truncate_utf8(pretty, kMaxBodyShown, kMaxBodyShown)) : Html(pretty)})});
}

Html trial_form(const DeliveryView& view) {
  if (view.delivery.body.empty()) return {};
  const std::string self = path_to("deliveries", view.delivery.id);
  const std::string query = view.trial ? view.trial->query : "$.resource.refUpdates..name";
  Html result;
  if (view.trial && !view.trial->problem.empty()) {
    result = element("p", {{"class", "field-problem"}, {"id", "try-problem"}}, {view.trial->problem});
  } else if (view.trial) {
    result =
        element("p", {view.trial->count == 1 ? Html("1 value") : Html(std::to_string(view.trial->count) + " values"),
                      view.trial->count > view.trial->nodes.size() ? Html(", the first of them:") : Html()});
    if (!view.trial->nodes.empty()) {
      Table table("Values that the query selects", {{"Path", "wide"}, {"Value", "wide"}});
      for (const JsonPathTrial::Node& node : view.trial->nodes) table.add_row("", {code(node.path), code(node.value)});
      result += table.build();
    }
  }
  const bool failed = view.trial && !view.trial->problem.empty();
  std::vector<Attribute> input{{"type", "text"},        {"id", "field-jsonPath"},
                               {"name", "jsonPath"},    {"value", query},
                               {"autocomplete", "off"}, {"spellcheck", "false"},
                               {"class", "code"},       {"maxlength", std::to_string(kMaxQueryBytes)}};
  if (failed) {
    input.push_back({"aria-invalid", "true"});
    input.push_back({"aria-describedby", "try-problem"});
  }
  return section(
      "try", "Try a JSONPath",
      join({element("form", {{"method", "get"}, {"action", self + "#try"}, {"class", "inline-form"}},
                    {element("div", {{"class", "field grow"}},
                             {element("label", {{"for", "field-jsonPath"}}, {"Query on the stored body (RFC 9535)"}),
                              element("input", input, {})}),
                     element("button", {{"type", "submit"}}, {"Try"})}),
            element("div", {{"data-live-region", "try"}, {"aria-live", "polite"}}, {result})}));
}

}  // namespace

JsonPathTrial try_json_path(const std::string& query, const std::string& body) {
  JsonPathTrial trial{.query = query};
  if (query.size() > kMaxQueryBytes) {
    trial.query = truncate_utf8(query, 200, 800);
    trial.problem = "the query is longer than 4 KiB";
    return trial;
  }
  try {
    const json::JsonPath path = json::JsonPath::compile(query);
    const json::Document document = json::Document::parse(body);
    std::size_t visits = 1'000'000;
    const auto nodes = path.select_with_paths(document, {.remaining_visits = &visits});
    trial.count = nodes.size();
    for (std::size_t i = 0; i < nodes.size() && i < kMaxNodes; ++i) {
      trial.nodes.push_back({cut(nodes[i].path), cut(nodes[i].value.to_text())});
    }
  } catch (const Error& error) {
    trial.problem = error.what();
  }
  return trial;
}

listener::Response show_delivery(const DeliveryView& view) {
  const store::Delivery& delivery = view.delivery;
  Json body = Json::parse(delivery.body, nullptr, false);
  const std::string remote_url = body.is_discarded() ? "" : text_at(body, {"resource", "repository", "remoteUrl"});
  const std::string what = !delivery.repository_name.empty() ? delivery.repository_name
                           : !delivery.event_type.empty()    ? delivery.event_type
                                                             : "a request";
  const std::string ref = delivery.ref_updates.empty() ? "" : short_ref(delivery.ref_updates.front().name);
  Html notice;
  if (!view.notice.empty()) notice = element("p", {{"class", "notice"}, {"role", "status"}}, {view.notice});
  const Html content = join(
      {element("nav", {{"aria-label", "Breadcrumbs"}, {"class", "crumbs"}}, {link_to("/deliveries", "Deliveries")}),
       element("div", {{"class", "title-row"}},
               {element("h1", {what, ref.empty() ? Html() : join({" ", element("span", {{"class", "ref"}}, {ref})})}),
                state_badge(delivery.outcome)}),
       notice, element("p", {{"class", "lead"}}, {delivery.reason}), facts(view, body, remote_url),
       triggers_section(view, remote_url), section("decisions", "How each webhook decided", decisions(view)),
       body.is_discarded() ? Html() : commits_section(body, remote_url), redeliver_form(view), comparison(view),
       section("request", "What came", join({headers_table(delivery), body_block(delivery, body)})), trial_form(view)});
  return show(200,
              {.title = what + (ref.empty() ? "" : " " + ref),
               .place = Place::kDeliveries,
               .visitor = view.visitor,
               .now = view.now},
              content);
}

}  // namespace penstock::server::pages
