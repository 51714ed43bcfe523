// What a webhook asks of the branches, tags and changed files of a push.

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

// CodePipeline V2's own bounds, so that a definition can move between the two.
constexpr std::size_t kMaxFilters = 3, kMaxPatterns = 8, kMaxPatternCharacters = 255;
// Ours.
constexpr std::size_t kMaxIgnoredPatterns = 100, kMaxRoutes = 1'000, kMaxRoutePatterns = 100;

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Counts what is written, not what of it is right.
void read_patterns(Section& section, std::string_view key, std::vector<std::string>& target, std::size_t most,
                   const PatternCheck& check) {
  section.read_list(key, target, [&](const std::string& pattern) -> std::optional<std::string> {
    if (pattern.empty() || count_characters(pattern) > kMaxPatternCharacters)
      return "a pattern of 1 to " + std::to_string(kMaxPatternCharacters) + " characters";
    return check ? check(pattern) : std::nullopt;
  });
  const auto* value = section.take(key);
  if (value == nullptr || value->kind != YamlNode::Kind::kSequence) return;
  if (value->items.empty()) section.problem(key, "expected at least one pattern, found an empty list");
  if (value->items.size() > most) {
    section.problem(
        key, "expected at most " + std::to_string(most) + " patterns, found " + std::to_string(value->items.size()));
  }
}

void load_pattern_lists(Section& filter, std::string_view key, std::optional<PatternLists>& target,
                        const PatternCheck& check) {
  if (!filter.has(key)) {
    filter.ignore({key});
    return;
  }
  auto section = filter.section(key);
  target.emplace();
  read_patterns(section, "includes", target->includes, kMaxPatterns, check);
  read_patterns(section, "excludes", target->excludes, kMaxPatterns, check);
  if (section.present() && !section.has("includes") && !section.has("excludes"))
    filter.problem(key, "expected includes or excludes, found neither");
  section.finish();
}

PullRequestFilter load_pull_request(Section filter, const PatternChecks& checks) {
  PullRequestFilter target;
  filter.read_list("events", target.events, [](const std::string& event) {
    return event == "OPEN" || event == "UPDATED" || event == "CLOSED"
               ? std::nullopt
               : std::optional<std::string>("OPEN, UPDATED or CLOSED");
  });
  const auto* events = filter.take("events");
  if (events != nullptr && events->kind == YamlNode::Kind::kSequence && events->items.empty())
    filter.problem("events", "expected at least one of OPEN, UPDATED and CLOSED, found an empty list");
  load_pattern_lists(filter, "branches", target.branches, checks.ref);
  load_pattern_lists(filter, "filePaths", target.file_paths, checks.path);
  filter.finish();
  return target;
}

TriggerFilter load_filter(Section filter, const PatternChecks& checks) {
  TriggerFilter target;
  if (filter.has("pullRequest")) {
    target.pull_request = load_pull_request(filter.section("pullRequest"), checks);
    for (const char* other : {"branches", "tags", "filePaths"}) {
      if (!filter.has(other)) continue;
      filter.problem(other,
                     "expected pullRequest alone, found " + std::string(other) + " beside it; write two filters");
    }
    filter.ignore({"branches", "tags", "filePaths"});
    filter.finish();
    return target;
  }
  filter.ignore({"pullRequest"});
  load_pattern_lists(filter, "branches", target.branches, checks.ref);
  load_pattern_lists(filter, "tags", target.tags, checks.ref);
  load_pattern_lists(filter, "filePaths", target.file_paths, checks.path);
  for (const char* other : {"branches", "filePaths"}) {
    if (filter.has("tags") && filter.has(other))
      filter.problem(other, "expected tags alone, found " + std::string(other) + " beside it; write two filters");
  }
  filter.finish();
  return target;
}

void load_triggers(Section& webhook, const PatternChecks& checks, std::vector<TriggerFilter>& target) {
  const auto* value = webhook.take("triggers");
  if (value == nullptr) return;
  const auto check_content = [&](const YamlNode& filter) {
    if (filter.kind == YamlNode::Kind::kMapping && filter.entries.empty())
      webhook.problem("triggers", "expected branches, tags, filePaths or pullRequest, found an empty mapping");
  };
  if (value->kind == YamlNode::Kind::kMapping) {
    check_content(*value);
    target.push_back(load_filter(webhook.section("triggers"), checks));
    return;
  }
  if (value->kind != YamlNode::Kind::kSequence) {
    webhook.problem("triggers",
                    "expected a mapping with branches, tags, filePaths or pullRequest, or a list of such; found " +
                        kind_of(*value));
    return;
  }
  if (value->items.empty()) webhook.problem("triggers", "expected at least one filter, found an empty list");
  for (const auto& item : value->items) check_content(*item);
  webhook.for_each_item("triggers", [&](Section filter) { target.push_back(load_filter(std::move(filter), checks)); });
  const auto for_pull_requests = static_cast<std::size_t>(
      std::count_if(target.begin(), target.end(), [](const auto& filter) { return filter.pull_request.has_value(); }));
  const auto check_number = [&](std::size_t found, const std::string& what) {
    if (found <= kMaxFilters) return;
    webhook.problem("triggers", "expected at most " + std::to_string(kMaxFilters) + " filters" + what + ", found " +
                                    std::to_string(found));
  };
  check_number(target.size() - for_pull_requests, "");
  check_number(for_pull_requests, " with pullRequest");
}

// Letters, digits, ".", "@", "-", "_" and {name}.
std::optional<std::string> expect_pipeline_template(const std::string& text) {
  std::string fixed;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text[at] == '{' ? text.find('}', at) : std::string::npos;
    if (end != std::string::npos &&
        consists_of(std::string_view(text).substr(at + 1, end - at - 1), std::string(kAlphanumeric) + "-_", 50)) {
      fixed += 'x';  // a name stands for one character at least
      at = end + 1;
    } else {
      fixed += text[at++];
    }
  }
  return is_aws_name(fixed)
             ? std::nullopt
             : std::optional<std::string>("the name of a pipeline, in which {name} may stand for what a path captures");
}

// Every name of the template must be captured by every path.
void check_captures(Section& section, const Route& route) {
  const std::string& text = route.target_pipeline;
  for (auto begin = text.find('{'); begin != std::string::npos; begin = text.find('{', begin + 1)) {
    const std::string name = text.substr(begin, text.find('}', begin) - begin + 1);
    for (const std::string& path : route.paths) {
      if (path.find(name) != std::string::npos) continue;
      section.problem("targetPipeline", "expected names that each path captures, found " + in_quotes(name) +
                                            ", which is not in " + in_quotes(path));
      return;
    }
  }
}

void load_routes(Section& webhook, const PatternChecks& checks, std::vector<Route>& target) {
  const auto* value = webhook.take("routes");
  if (value == nullptr) return;
  if (webhook.has("targetPipeline")) {
    webhook.ignore({"targetPipeline"});
    webhook.problem("targetPipeline", "expected only without routes, which name the pipelines themselves");
  } else {
    webhook.ignore({"targetPipeline"});
  }
  if (value->kind == YamlNode::Kind::kSequence && value->items.empty())
    webhook.problem("routes", "expected at least one route, found an empty list");
  if (value->kind == YamlNode::Kind::kSequence && value->items.size() > kMaxRoutes) {
    webhook.problem("routes", "expected at most " + std::to_string(kMaxRoutes) + " routes, found " +
                                  std::to_string(value->items.size()));
  }
  webhook.for_each_item("routes", [&](Section section) {
    Route route;
    read_patterns(section, "paths", route.paths, kMaxRoutePatterns, checks.route);
    if (!section.has("paths")) section.problem("paths", "expected a list of patterns, found nothing");
    section.require("targetPipeline", route.target_pipeline, expect_pipeline_template);
    check_captures(section, route);
    section.finish();
    target.push_back(std::move(route));
  });
}

}  // namespace

void load_path_conditions(Section& webhook, const Settings& settings, const PatternChecks& checks, Webhook& target) {
  load_triggers(webhook, checks, target.triggers);
  read_patterns(webhook, "ignorePaths", target.ignore_paths, kMaxIgnoredPatterns, checks.path);
  load_routes(webhook, checks, target.routes);
  if (webhook.has("source")) {
    auto source = webhook.section("source");
    target.source.emplace();
    load_remote(source, settings, target.source->remote, target.source->credentials);
    source.finish();
  } else {
    webhook.ignore({"source"});
  }
}

void load_changed_paths(Section changed_paths, ChangedPaths& target) {
  changed_paths.read_duration("timeout", target.timeout, std::chrono::seconds(1), std::chrono::hours(24));
  std::string when_unknown = "start";
  changed_paths.read_choice("whenUnknown", when_unknown, {"start", "fail"});
  if (when_unknown == "fail") target.when_unknown = ChangedPaths::WhenUnknown::kFail;
  std::string new_branch = "mergeBase";
  changed_paths.read_choice("newBranch", new_branch, {"mergeBase", "allFiles"});
  if (new_branch == "allFiles") target.new_branch = ChangedPaths::NewBranch::kAllFiles;
  changed_paths.finish();
}

}  // namespace penstock::config
