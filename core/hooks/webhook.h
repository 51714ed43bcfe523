// Webhook definitions in the shape of CodePipeline's PutWebhook, compiled once.
//
// Source: https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutWebhook.html
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/regex.h"
#include "core/hooks/glob.h"
#include "core/hooks/path_filter.h"
#include "core/hooks/placeholders.h"
#include "core/json/jsonpath.h"

namespace penstock::hooks {

// As written in the configuration. Exactly one of the conditions, or none (then the query must select something).
struct FilterDefinition {
  std::string json_path = {};
  std::optional<std::string> match_equals = {};  // {Key} = the target action's configuration
  std::optional<std::string> match_glob = {};    // whole value; see glob.h; '*' crosses '/'
  std::optional<std::string> match_regex = {};   // RE2, whole value
  std::optional<std::string> not_equals = {};    // passes when no selected value equals; also when nothing is selected
  std::optional<bool> exists = {};
};

struct WebhookDefinition {
  std::string name = {};
  std::string endpoint = {};
  std::string target_pipeline = {};
  std::string target_action = {};
  std::vector<FilterDefinition> filters = {};
  bool ignore_deletes = true;
  std::map<std::string, std::string> action_configuration = {};  // values for {Key} without asking GetPipeline
  std::map<std::string, std::string> variables = {};             // pipeline variable -> JSONPath
  PathRulesDefinition path_rules = {};  // with routes there is no target_pipeline, and no {Key} but given ones
};

// Thread-safe once made.
class Webhook {
 public:
  // Throws Error{kConfiguration} naming webhook and filter (`webhook "x": filters[1].jsonPath: column 12: …`).
  explicit Webhook(WebhookDefinition definition);

  const WebhookDefinition& definition() const noexcept { return definition_; }

  enum class Condition { kMatchEquals, kMatchGlob, kMatchRegex, kNotEquals, kExists };
  struct Filter {
    json::JsonPath path;
    FilterDefinition definition;
    Condition condition = Condition::kExists;  // also when the definition has none
    std::string operand;                       // what the condition compares with; "true" or "false" for kExists
    std::vector<std::string> placeholders;     // names in {…}
    std::optional<Glob> glob;                  // glob and regex are compiled here unless they hold placeholders
    std::optional<Regex> regex;
  };
  const std::vector<Filter>& filters() const noexcept { return filters_; }
  const std::map<std::string, json::JsonPath>& variables() const noexcept { return variables_; }
  // Keys that the filters need and `actionConfiguration` does not give.
  const std::vector<std::string>& needed_keys() const noexcept { return needed_keys_; }
  // Whether some filter asks for something that tells pull requests from pushes. Filters that look at neither, or the
  // want of any, must not make unreviewed commits start what was set up for pushes.
  bool looks_for_pull_requests() const noexcept { return looks_for_pull_requests_; }
  // Null: every ref and file.
  const PathRules* path_rules() const noexcept { return path_rules_.get(); }
  bool has_routes() const noexcept { return !definition_.path_rules.routes.empty(); }

 private:
  WebhookDefinition definition_;
  std::vector<Filter> filters_;
  std::map<std::string, json::JsonPath> variables_;
  std::vector<std::string> needed_keys_;
  bool looks_for_pull_requests_ = false;
  std::shared_ptr<const PathRules> path_rules_;
};

// "matchEquals", …: the member of PutWebhook's filter rule, as extended, that holds the condition.
std::string_view to_string(Webhook::Condition condition) noexcept;
std::optional<Webhook::Condition> parse_condition(std::string_view text) noexcept;

// What braces mean in the operand of such a condition.
PlaceholderSyntax syntax_of(Webhook::Condition condition) noexcept;

}  // namespace penstock::hooks
