// The parts of load(): each reads some top-level keys of the file into the settings.
#pragma once

#include "core/config/section.h"
#include "core/config/settings.h"

namespace penstock::config {

void load_endpoints(Section& root, Settings& settings);
void load_events(Section events, Events& target);
void load_calendars(Section& root, Settings& settings);
void load_credentials(Section& root, Settings& settings);
void load_webhooks(Section& root, Settings& settings, const PatternChecks& patterns);  // after all these, and git
void load_path_conditions(Section& webhook, const Settings& settings, const PatternChecks& patterns, Webhook& target);
void load_changed_paths(Section changed_paths, ChangedPaths& target);
// The block `command` of a worker.
Command load_command(Section command);
void load_access(Section access, Access& target);
void load_workers(Section& root, Settings& settings);  // after credentials and git
// What workers and third-party actions have in common: action type of this owner, handler, bounds.
void load_work(Section& section, const Settings& settings, const std::string& owner, Worker& target);
void load_third_party(Section& root, Settings& settings);

// `remote` with `credentials` (one name or a list of them); after credentials and git.
void load_remote(Section& section, const Settings& settings, std::string& remote,
                 std::vector<std::string>& credentials);
// Reports what git must not be given.
void check_remote(Section& section, std::string_view key, const std::string& remote, const Settings& settings,
                  const std::vector<std::string>& credentials);

// A check for Section::read: what was expected, when the text is empty.
std::optional<std::string> expect_some_text(const std::string& text);
std::optional<std::string> expect_ip_range(const std::string& text);
std::optional<std::string> expect_aws_name(const std::string& text);

}  // namespace penstock::config
