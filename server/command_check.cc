#include <iostream>

#include "core/base/error.h"
#include "core/config/settings.h"
#include "core/intake/settings.h"
#include "server/command_line.h"

namespace penstock::server {
namespace {

config::LoadResult load(const std::filesystem::path& file) {
  try {
    config::LoadResult result = config::load(file);
    // What only the parts themselves can judge (globs, placeholders) has no line, but a name.
    if (result.problems.empty()) {
      try {
        intake::make_webhooks(result.settings);
      } catch (const Error& error) {
        result.problems.push_back({.line = 0, .path = "webhooks", .message = error.what()});
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
    std::cerr << file.native() << ": good; " << result.settings.endpoints.size() << " endpoints, "
              << result.settings.webhooks.size() << " webhooks, " << result.settings.workers.size() << " workers\n";
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
