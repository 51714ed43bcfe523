// The parts of load(): each reads some top-level keys of the file into the settings.
#pragma once

#include "core/config/section.h"
#include "core/config/settings.h"

namespace penstock::config {

void load_endpoints(Section& root, Settings& settings);
void load_calendars(Section& root, Settings& settings);
void load_webhooks(Section& root, Settings& settings);  // after endpoints and calendars
void load_credentials(Section& root, Settings& settings);
void load_workers(Section& root, Settings& settings);  // after credentials and git

// A check for Section::read: what was expected, when the text is empty.
std::optional<std::string> expect_some_text(const std::string& text);
std::optional<std::string> expect_ip_range(const std::string& text);
std::optional<std::string> expect_aws_name(const std::string& text);

}  // namespace penstock::config
