#include <iostream>

#include "core/aws/secrets.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/intake/settings.h"
#include "server/access.h"
#include "server/calendars.h"
#include "server/changed_paths.h"
#include "server/command_line.h"
#include "server/credential_expiry.h"
#include "server/git_credentials.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

// Where the file sets it, or the first thing below it; 0 when it does not.
int line_of(const config::LoadResult& result, std::string_view path) {
  for (const config::EffectiveValue& value : result.effective) {
    const bool is_below =
        value.path.starts_with(path) && value.path.size() > path.size() && value.path[path.size()] == '.';
    if (value.path != path && !is_below) continue;
    const auto number = parse_unsigned(std::string_view(value.source).substr(value.source.rfind(':') + 1));
    return number ? static_cast<int>(*number) : 0;
  }
  return 0;
}

config::LoadResult load(const std::filesystem::path& file) {
  try {
    config::LoadResult result = config::load(file, pattern_checks());
    // What only the parts themselves can judge (globs, placeholders) has no line, but a name.
    if (result.problems.empty()) {
      try {
        for (config::Problem& problem : check_path_sources(result.settings)) {
          problem.line = line_of(result, problem.path.substr(0, problem.path.rfind('.')));
          result.problems.push_back(std::move(problem));
        }
      } catch (const Error& error) {
        result.problems.push_back({.line = 0, .path = "webhooks", .message = error.what()});
      }
      for (config::Problem& problem : check_calendars(result.settings, SystemClock().now())) {
        // The hours have lines of their own, "open" has not.
        problem.line = line_of(result, problem.path);
        result.problems.push_back(std::move(problem));
      }
      for (config::Problem& problem : check_access(result.settings.access)) {
        result.problems.push_back(std::move(problem));
      }
      try {
        check_certificate_authorities(result.settings.git);
      } catch (const Error& error) {
        result.problems.push_back({.line = line_of(result, "git.certificateAuthorities"),
                                   .path = "git.certificateAuthorities",
                                   .message = error.what()});
      }
    }
    return result;
  } catch (const Error& error) {
    throw Error(ErrorKind::kConfiguration, error.what());
  }
}

void print_problems(const std::filesystem::path& file, const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) std::cerr << problem.to_string(file) << "\n";
}

// Credentials that end soon are worth a line, but no failure: what runs today must start today.
void print_expiries(const config::LoadResult& result, const std::filesystem::path& file) {
  const SystemClock clock;
  // Without AWS: a check asks nobody.
  aws::SecretResolver secrets(
      {.variable = environment_variable}, [] { return nullptr; }, clock);
  GitCredentials credentials(secrets, make_public_transport(), clock);
  credentials.set(result.settings.credentials);
  const Timestamp now = clock.now();
  for (const CredentialExpiry& expiry : credentials.expiries()) {
    if (!ends_soon(expiry.ends, now)) continue;
    const std::string path = "credentials." + expiry.name;
    const config::Problem line{line_of(result, path + ".type"), path, "warning: " + describe_expiry(expiry.ends, now)};
    std::cerr << line.to_string(file) << "\n";
  }
}

}  // namespace

std::optional<config::Settings> load_settings(const std::filesystem::path& file) {
  config::LoadResult result = load(file);
  print_problems(file, result.problems);
  if (!result.problems.empty()) return std::nullopt;
  return std::move(result.settings);
}

int run_check(const std::filesystem::path& file) {
  const config::LoadResult result = load(file);
  print_problems(file, result.problems);
  if (result.problems.empty()) {
    print_expiries(result, file);
    const auto counted = [](std::size_t count, const char* thing) {
      return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
    };
    std::cerr << file.native() << ": good; " << counted(result.settings.endpoints.size(), "endpoint") << ", "
              << counted(result.settings.webhooks.size(), "webhook") << ", "
              << counted(result.settings.workers.size(), "worker") << "\n";
    return kExitSuccess;
  }
  std::cerr << result.problems.size() << (result.problems.size() == 1 ? " problem\n" : " problems\n");
  return kExitBadConfig;
}

int run_config(const std::filesystem::path& file) {
  const config::LoadResult result = load(file);
  print_problems(file, result.problems);
  for (const config::EffectiveValue& value : result.effective) {
    std::cout << value.path << " = " << value.value << "  # " << value.source << "\n";
  }
  return result.problems.empty() ? kExitSuccess : kExitBadConfig;
}

}  // namespace penstock::server
