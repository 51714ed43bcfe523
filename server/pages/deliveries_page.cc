#include "server/pages/deliveries_page.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "server/pages/parts.h"

namespace penstock::server::pages {
namespace {

constexpr std::size_t kMaxTriggersShown = 4;
constexpr std::size_t kMaxRefsShown = 3;

const std::vector<Option> kOutcomes = {{"", "any"},
                                       {"triggered", "triggered"},
                                       {"filtered", "filtered"},
                                       {"duplicate", "duplicate"},
                                       {"ignored", "ignored"},
                                       {"rejected", "rejected"},
                                       {"test", "test"},
                                       {"dry-run", "dry run"}};

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters parameters_of(const store::DeliveryQuery& query, const std::string& cursor) {
  const auto time = [](const std::optional<Timestamp>& value) { return value ? format_rfc3339(*value) : ""; };
  return {{"repository", query.repository.value_or("")},
          {"ref", query.ref.value_or("")},
          {"outcome", query.outcome ? std::string(store::to_string(*query.outcome)) : ""},
          {"pipeline", query.pipeline.value_or("")},
          {"q", query.words.value_or("")},
          {"webhook", query.webhook.value_or("")},
          {"eventType", query.event_type.value_or("")},
          {"since", time(query.since)},
          {"until", time(query.until)},
          {"cursor", cursor}};
}

bool has_filters(const store::DeliveryQuery& query) {
  const Parameters parameters = parameters_of(query, "");
  return std::any_of(parameters.begin(), parameters.end(), [](const auto& entry) { return !entry.second.empty(); });
}

Html filter_form(const store::DeliveryQuery& query) {
  const bool more = query.webhook || query.event_type || query.since || query.until;
  return element(
      "form",
      {{"method", "get"},
       {"action", "/deliveries"},
       {"class", "filters"},
       {"role", "search"},
       {"aria-label", "Deliveries"}},
      {element("div", {{"class", "fields"}},
               {text_field("repository", "Repository", query.repository.value_or(""), "name or id"),
                text_field("ref", "Ref", query.ref.value_or(""), "refs/heads/main"),
                text_field("pipeline", "Pipeline", query.pipeline.value_or("")),
                choice_field("outcome", "Outcome", query.outcome ? store::to_string(*query.outcome) : "", kOutcomes),
                text_field("q", "Words", query.words.value_or(""), "of commit messages")}),
       element("details", {{"class", "more-filters"}, {"open", when(more)}},
               {element("summary", {"More filters"}),
                element("div", {{"class", "fields"}},
                        {text_field("webhook", "Webhook", query.webhook.value_or("")),
                         text_field("eventType", "Event type", query.event_type.value_or(""), "git.push"),
                         time_field("since", "From (UTC)", query.since),
                         time_field("until", "Before (UTC)", query.until)})}),
       element("div", {{"class", "actions"}},
               {element("button", {{"type", "submit"}}, {"Filter"}),
                has_filters(query) ? element("a", {{"href", "/deliveries"}, {"class", "button plain"}}, {"Show all"})
                                   : Html()})});
}

Html refs(const store::Delivery& delivery) {
  Html list;
  for (std::size_t i = 0; i < delivery.ref_updates.size() && i < kMaxRefsShown; ++i) {
    if (i > 0) list += element("br", {}, {});
    list += element("span", {{"class", "ref"}}, {short_ref(delivery.ref_updates[i].name)});
  }
  if (delivery.ref_updates.size() > kMaxRefsShown) {
    list += element("span", {{"class", "quiet"}},
                    {" and " + std::to_string(delivery.ref_updates.size() - kMaxRefsShown) + " more"});
  }
  return list;
}

Html triggers(const store::Delivery& delivery) {
  Html items;
  for (std::size_t i = 0; i < delivery.triggers.size() && i < kMaxTriggersShown; ++i) {
    const store::Trigger& trigger = delivery.triggers[i];
    items += element("li", {element("span", {{"class", "name"}},
                                    {trigger.pipeline.empty() ? Html("by changed paths") : Html(trigger.pipeline)}),
                            " ", state_badge(trigger.state)});
  }
  if (delivery.triggers.size() > kMaxTriggersShown) {
    items += element("li", {{"class", "quiet"}},
                     {"and " + std::to_string(delivery.triggers.size() - kMaxTriggersShown) + " more"});
  }
  return items.empty() ? Html() : element("ul", {{"class", "plain-list"}}, {items});
}

std::string title_of(const store::Delivery& delivery) {
  if (!delivery.repository_name.empty()) return delivery.repository_name;
  if (!delivery.repository_id.empty()) return delivery.repository_id;
  return delivery.event_type.empty() ? "a request" : delivery.event_type;
}

void add_row(Table& table, const store::Delivery& delivery, Timestamp now) {
  Html what = element("a", {{"href", path_to("deliveries", delivery.id)}, {"class", "row-link"}}, {title_of(delivery)});
  if (!delivery.project.empty()) what += element("span", {{"class", "quiet small block"}}, {delivery.project});
  table.add_row(
      delivery.id,
      {what, state_badge(delivery.outcome), refs(delivery),
       delivery.ref_updates.empty() ? Html() : commit(delivery.ref_updates.front().new_object_id), triggers(delivery),
       element("span", {{"class", "clamp"}}, {delivery.reason}), age_with_time(delivery.received_at, now)});
}

Html nothing(const store::DeliveryQuery& query, const std::string& next_cursor) {
  if (!next_cursor.empty()) {
    return empty_state("Nothing found so far.", Html("The search takes long; it goes on where it stopped with Older."));
  }
  if (has_filters(query) || !query.cursor.empty()) {
    return empty_state("No delivery fits these filters.",
                       join({"Take one of them away, or ", link_to("/deliveries", "show all deliveries"), "."}));
  }
  return empty_state("Nothing has been received yet.",
                     join({"Point a service hook of Azure DevOps at ", code("/hooks/ENDPOINT"),
                           " of this server; its test button shows here at once."}));
}

}  // namespace

std::optional<Timestamp> read_page_time(const std::string& text) {
  if (const auto time = parse_rfc3339(text)) return time;
  // "2026-11-21T09:30" or "2026-11-21T09:30:00"; a date alone is its beginning.
  if (text.size() == 10) return parse_rfc3339(text + "T00:00:00Z");
  if (text.size() == 16) return parse_rfc3339(text + ":00Z");
  return parse_rfc3339(text + "Z");
}

store::DeliveryQuery read_delivery_query(const Parameters& parameters) {
  store::DeliveryQuery query;
  const auto refuse = [](const std::string& name, std::string_view expected, const std::string& found) {
    throw Error(ErrorKind::kInvalidInput, name + ": expected " + std::string(expected) + ", found " + in_quotes(found));
  };
  for (const auto& [name, given] : parameters) {
    const std::string value(trim(given));
    if (value.empty()) continue;
    if (name == "repository") {
      query.repository = value;
    } else if (name == "ref") {
      // People know branches by their short names.
      query.ref = value.starts_with("refs/") ? value : "refs/heads/" + value;
    } else if (name == "pipeline") {
      query.pipeline = value;
    } else if (name == "webhook") {
      query.webhook = value;
    } else if (name == "q") {
      query.words = value;
    } else if (name == "eventType") {
      query.event_type = value;
    } else if (name == "cursor") {
      query.cursor = value;
    } else if (name == "outcome") {
      query.outcome = store::parse_outcome(value);
      if (!query.outcome) refuse(name, "an outcome such as triggered or filtered", value);
    } else if (name == "since" || name == "until") {
      const auto time = read_page_time(value);
      if (!time) refuse(name, "a time such as 2026-11-21T09:30", value);
      (name == "since" ? query.since : query.until) = time;
    }
  }
  return query;
}

listener::Response show_deliveries(const DeliveriesView& view) {
  Table table(
      "Deliveries, newest first",
      {{"Repository", "wide"}, {"Outcome"}, {"Ref"}, {"Commit"}, {"Pipelines"}, {"Why", "wide"}, {"Received", "time"}});
  for (const store::Delivery& delivery : view.page.deliveries) add_row(table, delivery, view.now);
  Html pager;
  if (!view.query.cursor.empty()) {
    pager += element("a", {{"href", "/deliveries" + query_string(parameters_of(view.query, ""))}, {"class", "button"}},
                     {"Newest"});
  }
  if (!view.page.next_cursor.empty()) {
    pager += element("a",
                     {{"href", "/deliveries" + query_string(parameters_of(view.query, view.page.next_cursor))},
                      {"class", "button"},
                      {"rel", "next"}},
                     {"Older"});
  }
  // Only the newest page changes under one's eyes.
  const bool is_live = view.query.cursor.empty() && !view.query.until;
  const std::vector<Attribute> live = is_live ? std::vector<Attribute>{{"id", "records"}, {"data-live", "deliveries"}}
                                              : std::vector<Attribute>{{"id", "records"}};
  return show(200, {.title = "Deliveries", .place = Place::kDeliveries, .visitor = view.visitor, .now = view.now},
              join({element("div", {{"class", "title-row"}},
                            {element("h1", {"Deliveries"}),
                             element("p", {{"class", "live-state"}, {"data-live-state", "records"}}, {})}),
                    filter_form(view.query),
                    element("div", live, table.empty() ? nothing(view.query, view.page.next_cursor) : table.build()),
                    pager.empty() ? Html() : element("nav", {{"class", "pager"}, {"aria-label", "Pages"}}, {pager})}));
}

}  // namespace penstock::server::pages
