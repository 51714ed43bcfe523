// Any body is an event or Error{kInvalidInput | kExhausted}; what is read from an event is safe to act on, and deciding
// on it never throws, judges each ref by itself, and explains itself in valid JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/decision_plan.h"
#include "core/json/document.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::hooks;

namespace {

const std::vector<Webhook>& webhooks() {
  static const auto made = [] {
    std::vector<Webhook> list;
    const auto add = [&](std::vector<FilterDefinition> filters) {
      WebhookDefinition definition;
      definition.name = "w" + std::to_string(list.size());
      definition.target_pipeline = "p";
      definition.target_action = "a";
      definition.filters = std::move(filters);
      definition.ignore_deletes = list.size() % 2 == 0;
      definition.variables = {{"COMMIT", "$.resource.refUpdates[0].newObjectId"}, {"ANY", "$..*"}};
      list.emplace_back(std::move(definition));
    };
    add({});
    add({{.json_path = "$.resource.refUpdates..name", .match_equals = "refs/heads/{Branch}"}});
    add({{.json_path = "$.resource.refUpdates[0].name", .match_glob = "refs/{heads,tags}/*{Branch}"},
         {.json_path = "$..name", .not_equals = "x"}});
    add({{.json_path = "$..*", .match_regex = "(a|b)*{Branch}.*"}});
    add({{.json_path = "$.resource.refUpdates[?@.forced == true]", .exists = false}});
    add({{.json_path = "$.eventType", .match_equals = "{Unknown}"}});
    add({{.json_path = "$.eventType", .match_glob = "*"}});
    return list;
  }();
  return made;
}

void check_refs(const Event& event) {
  std::set<std::string> keys;
  for (const auto& ref : event.ref_updates) {
    check(ref.name.starts_with("refs/") && ref.name.find_first_of(" \t\n\\:~^*?[") == std::string::npos);
    check(ref.name.find("..") == std::string::npos && is_valid_utf8(ref.name));
    check(ref.new_object_id.size() == 40 || ref.new_object_id.size() == 64);
    check(ref.new_object_id.find_first_not_of("0123456789abcdef") == std::string::npos);
    check(ref.old_object_id.find_first_not_of("0123456789abcdef") == std::string::npos);
    check(keys.insert(push_key(event, ref)).second);
  }
}

// What can be started is an event of V2 with one well-formed ref and commit; what cannot says why.
void check_pull_request(const PullRequest& pull_request) {
  const bool can_start = pull_request.refusal.empty();
  check(can_start == !pull_request.ref.empty() && can_start == !pull_request.commit_id.empty());
  check(!can_start || pull_request.event);
  check(!can_start || pull_request.is_completed() || pull_request.fork.empty());
  for (const auto* ref : {&pull_request.source_ref, &pull_request.target_ref}) {
    check(ref->empty() || (ref->starts_with("refs/") && ref->find_first_of(" \t\n\\:~^*?[") == std::string::npos));
  }
  for (const auto* id :
       {&pull_request.source_commit_id, &pull_request.target_commit_id, &pull_request.merge_commit_id}) {
    check(id->empty() || id->size() == 40 || id->size() == 64);
    check(id->find_first_not_of("0123456789abcdef") == std::string::npos);
    check(id->empty() || id->find_first_not_of('0') != std::string::npos);
  }
  json::Document::parse(to_json(pull_request));
}

void check_decisions(const Event& event) {
  std::vector<const Webhook*> pointers;
  for (const auto& webhook : webhooks()) pointers.push_back(&webhook);
  const auto lookup = [](const std::string&, const std::string&) {
    return std::optional(std::map<std::string, std::string>{{"Branch", "ma[i]n"}});
  };
  const DecideLimits limits{.max_visited_nodes = 200'000, .max_decisions = 200};
  const auto decisions = decide(event, pointers, lookup, limits);
  const auto subjects = event.is_push() ? event.ref_updates.size() : 1;
  check(decisions.size() <= subjects * pointers.size());
  check(event.not_actionable.empty() || decisions.empty());
  for (const auto& decision : decisions) {
    check(!decision.reason.empty() && decision.verdict != Verdict::kWaiting);
    const bool all =
        std::all_of(decision.filters.begin(), decision.filters.end(), [](const auto& f) { return f.matched; });
    check(decision.verdict != Verdict::kMatched || all);
    if (event.is_push()) check(!decision.ref.empty());
    if (!event.is_push() && !event.pull_request) check(decision.ref.empty());
    if (event.pull_request && decision.verdict == Verdict::kMatched) {
      check(event.pull_request->refusal.empty() && decision.ref == event.pull_request->ref);
      check(decision.commit_id == event.pull_request->commit_id);
    }
    for (const auto& filter : decision.filters) check(filter.selected.size() <= filter.selected_count);
  }
  const auto document = json::Document::parse(decisions_to_json(decisions));
  check(document.root().size() == decisions.size());

  const DecisionPlan plan(pointers);
  check(expand_decisions(to_json(plan.set()), encode_evidence(plan.judge(event, lookup, limits))) ==
        decisions_to_json(decisions));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  Event event;
  try {
    event = parse_event(body);
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput || error.kind() == ErrorKind::kExhausted);
    return 0;
  }
  check(!event.event_type.empty());
  check_refs(event);
  if (event.repository && event.repository->remote_url.find("://") != std::string::npos) {
    const auto& url = event.repository->remote_url;
    const auto begin = url.find("://") + 3;
    check(url.substr(begin, url.find_first_of("/?#\\", begin) - begin).find('@') == std::string::npos);
  }
  check(!event_key(event).empty());
  if (event.pull_request) check_pull_request(*event.pull_request);
  check_decisions(event);
  return 0;
}
