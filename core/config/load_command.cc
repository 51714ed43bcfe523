// The handler `command`: what it runs, and within which limits.

#include <set>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

constexpr std::uint64_t kMiB = 1u << 20, kTiB = 1ull << 40;

std::optional<std::string> expect_variable(const std::string& text) {
  const std::string name = text.substr(0, text.find('='));
  const bool is_name = consists_of(name, std::string(kAlphanumeric) + "_", 100) && (name[0] < '0' || name[0] > '9');
  return is_name ? std::nullopt : std::optional<std::string>("NAME or NAME=value");
}

std::optional<std::string> expect_user(const std::string& text) {
  const bool is_name = consists_of(text, std::string(kAlphanumeric) + "_.-", 32) && text[0] != '-';
  return is_name ? std::nullopt : std::optional<std::string>("the name of a user");
}

std::optional<std::string> expect_absolute_path(const std::string& text) {
  return text.starts_with('/') ? std::nullopt : std::optional<std::string>("an absolute path");
}

}  // namespace

Command load_command(Section command) {
  Command target;
  if (!command.present()) return target;
  command.read_list("argv", target.argv);
  if (target.argv.empty()) {
    command.problem("argv", "expected a list of the program and its arguments, found nothing");
  } else if (const auto expected = expect_absolute_path(target.argv.front())) {
    command.problem("argv", "expected " + *expected + " of a program first, found " + in_quotes(target.argv.front()) +
                                "; no shell is involved");
  }
  command.read_list("environment", target.environment, expect_variable);
  command.read("user", target.user, expect_user);
  std::string work_directory;
  command.read("workDirectory", work_directory, expect_absolute_path);
  target.work_directory = work_directory;
  if (!target.user.empty() && work_directory.empty()) {
    command.problem("workDirectory", "expected a folder whose parents the user " + in_quotes(target.user) +
                                         " may enter (dataDirectory is closed to it), found nothing");
  }
  std::string when_interrupted = "repeat";
  command.read_choice("whenInterrupted", when_interrupted, {"repeat", "fail"});
  if (when_interrupted == "fail") target.when_interrupted = Command::WhenInterrupted::kFail;
  command.read("detailsFirst", target.details_first);
  command.read_duration("continueAfter", target.continue_after, std::chrono::seconds(1), std::chrono::hours(1));
  if (command.has("continueAfter") && !target.details_first) {
    command.problem("continueAfter", "expected detailsFirst: true beside it, found none");
  }
  Section limits = command.section("limits");
  limits.read_bytes("memory", target.memory, 16 * kMiB, kTiB);
  limits.read_integer("processes", target.processes, 1, 1'000'000);
  limits.read_integer("files", target.files, 1, 1'000'000);
  limits.read_bytes("output", target.output, 1, kTiB);
  limits.read_bytes("input", target.input, 1, kTiB);
  limits.read_bytes("log", target.log, 0, 1024 * kMiB);
  limits.finish();
  command.finish();
  return target;
}

}  // namespace penstock::config
