#include <iostream>

#include "core/config/settings.h"
#include "server/command_line.h"

namespace penstock::server {
namespace {

void print_problems(const std::filesystem::path& file, const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) std::cerr << problem.to_string(file) << "\n";
}

}  // namespace

int run_check(const std::filesystem::path& file) {
  const config::LoadResult result = config::load(file);
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
  const config::LoadResult result = config::load(file);
  print_problems(file, result.problems);
  for (const config::EffectiveValue& value : result.effective) {
    std::cout << value.path << " = " << value.value << "  # " << value.source << "\n";
  }
  return result.problems.empty() ? kExitSuccess : kExitBadConfig;
}

}  // namespace penstock::server
