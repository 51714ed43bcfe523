// Reading a configuration never throws; every problem names a line of the text; settings without problems hold
// together.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/text.h"
#include "core/config/settings.h"
#include "core/json/jsonpath.h"
#include "tests/fuzz/check.h"

using namespace penstock;

namespace {

void check_settings(const config::Settings& settings) {
  for (const auto& endpoint : settings.endpoints) {
    check(endpoint.unauthenticated == endpoint.authentication.empty());  // no silent default
  }
  for (const auto& webhook : settings.webhooks) {
    check(std::any_of(settings.endpoints.begin(), settings.endpoints.end(),
                      [&](const auto& endpoint) { return endpoint.name == webhook.endpoint; }));
    check(!webhook.name.empty() && !webhook.target_pipeline.empty() && !webhook.target_action.empty());
    for (const auto& filter : webhook.filters) json::JsonPath::compile(filter.json_path);
    if (webhook.authentication) check(webhook.unauthenticated == webhook.authentication->empty());
  }
  for (const auto& worker : settings.workers) {
    check(!worker.remote.empty() && worker.concurrency >= 1 && worker.timeout.count() > 0);
    for (const std::string& name : worker.credentials) {
      check(std::any_of(settings.credentials.begin(), settings.credentials.end(),
                        [&](const auto& credential) { return credential.name == name; }));
    }
  }
  check(settings.server.listen_port >= 0 && settings.server.listen_port <= 65535 &&
        !settings.server.listen_host.empty());
  for (const auto& token : settings.access.tokens) check(!token.name.empty() && !token.token.name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = config::parse(text, "f");
  const auto lines = std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 2;
  int before = 0;
  for (const auto& problem : result.problems) {
    check(!problem.message.empty() && problem.line >= before && problem.line <= lines);
    check(problem.to_string("f").starts_with("f:"));
    before = problem.line;
  }
  for (const auto& value : result.effective) check(!value.path.empty() && !value.source.empty());
  if (result.problems.empty()) check_settings(result.settings);
  return 0;
}
