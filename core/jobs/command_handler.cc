#include "core/jobs/command_handler.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include <fts.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/jobs/command_result.h"
#include "core/jobs/job_event.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kErrorTail = 16u << 10;

// What the command writes, on its way to the job's log: without the job's credentials, and not without end.
class CommandLog {
 public:
  CommandLog(Context& context, const aws::Credentials& credentials, std::uint64_t max_bytes)
      : context_(context), left_(max_bytes) {
    for (const std::string_view secret : {credentials.secret_access_key.reveal(), credentials.session_token.reveal()}) {
      if (!secret.empty()) secrets_.emplace_back(secret);
    }
  }
  ~CommandLog() {
    for (std::string& secret : secrets_) wipe(secret);
  }
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  std::string redacted(std::string_view text) const {
    std::string clean(text);
    for (const std::string& secret : secrets_) {
      for (std::size_t at = 0; (at = clean.find(secret, at)) != std::string::npos; at += 3) {
        clean.replace(at, secret.size(), "***");
      }
    }
    return clean;
  }

  void add(std::string_view line) {
    if (is_full_) return;
    if (line.size() + 1 > left_) {
      is_full_ = true;
      context_.log("the command writes more than its log may hold; what follows is left out");
      return;
    }
    left_ -= line.size() + 1;
    context_.log(line);
  }

 private:
  Context& context_;
  std::uint64_t left_;
  bool is_full_ = false;
  std::vector<std::string> secrets_;
};

struct Usage {
  std::uint64_t entries = 0, bytes = 0;
};

// What is below a folder, counted up to the bounds.
Usage measure(const fs::path& folder, const Usage& bounds) {
  Usage usage;
  std::string path = folder.native();
  char* paths[] = {path.data(), nullptr};
  const std::unique_ptr<FTS, int (*)(FTS*)> walk(::fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, nullptr), ::fts_close);
  while (const FTSENT* found = walk ? ::fts_read(walk.get()) : nullptr) {
    if (found->fts_info == FTS_DP || found->fts_level == 0) continue;
    ++usage.entries;
    if (found->fts_info == FTS_F) usage.bytes += static_cast<std::uint64_t>(found->fts_statp->st_size);
    if (usage.entries > bounds.entries || usage.bytes > bounds.bytes) break;
  }
  return usage;
}

void give_to(const std::string& user, const fs::path& folder) {
  std::vector<char> buffer(64u << 10);
  passwd entry{};
  passwd* found = nullptr;
  const int failed = ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    throw Error(ErrorKind::kConfiguration, "running the command as " + in_quotes(user) + ": there is no such user" +
                                               (failed != 0 ? " (error " + std::to_string(failed) + ")" : ""));
  }
  std::string path = folder.native();
  char* paths[] = {path.data(), nullptr};
  const std::unique_ptr<FTS, int (*)(FTS*)> walk(::fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, nullptr), ::fts_close);
  while (const FTSENT* item = walk ? ::fts_read(walk.get()) : nullptr) {
    if (item->fts_info == FTS_DP) continue;
    if (::lchown(item->fts_path, entry.pw_uid, entry.pw_gid) != 0)
      throw_errno("giving the work folder to " + in_quotes(user), errno);
  }
}

}  // namespace

CommandHandler::CommandHandler(Options options, const WorkFolders& folders, std::shared_ptr<aws::S3Client> s3,
                               const Clock& clock)
    : options_(std::move(options)), folders_(folders), s3_(std::move(s3)), clock_(clock) {}

Result CommandHandler::run(Context& context) {
  check_artifacts(context.job());
  if (context.attempt() == Attempt::kResumed) {
    if (options_.when_interrupted == WhenInterrupted::kFail) {
      return Fail{aws::FailureType::kSystemUnavailable,
                  "the command was interrupted by the end of the server; it is not repeated (command.whenInterrupted)",
                  ""};
    }
    context.log("the command was interrupted by the end of the server; it is run again from the beginning");
  }
  const WorkFolder folder(folders_, context.id());
  const fs::path inputs = folder.make("inputs");
  for (const aws::JobArtifact& artifact : context.job().output_artifacts)
    folder.make(fs::path("outputs") / artifact.name);
  folder.make("outputs");
  folder.make("tmp");
  fetch_inputs(context, *s3_, clock_, inputs, options_.inputs);
  if (!options_.user.empty()) give_to(options_.user, folder.path());
  Result result = run_command(context, folder.path());
  if (std::holds_alternative<Success>(result)) {
    store_outputs(context, *s3_, clock_, folder.path() / "outputs", options_.outputs);
  }
  return result;
}

std::map<std::string, std::string> CommandHandler::environment(const Context& context, const fs::path& folder) const {
  std::map<std::string, std::string> variables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                  {"HOME", (folder / "tmp").native()},
                                                  {"TMPDIR", (folder / "tmp").native()},
                                                  {"AWS_REGION", options_.region},
                                                  {"AWS_DEFAULT_REGION", options_.region}};
  for (const auto& [name, value] : options_.environment) variables[name] = value;
  variables["CODEPIPELINE_JOB_ID"] = context.job().id;
  return variables;
}

Result CommandHandler::run_command(Context& context, const fs::path& folder) const {
  const PhaseTimer timer(context, "run");
  const std::string& program = options_.argv.front();
  const aws::Credentials credentials = context.credentials().get();
  CommandLog log(context, credentials, options_.max_log_bytes);
  CommandOutput output;

  GuardedCommand command;
  command.guard = options_.guard;
  command.argv = options_.argv;
  command.environment = environment(context, folder);
  command.working_directory = folder;
  command.lock = folders_.lock();
  command.user = options_.user;
  command.standard_input = job_event(context.job(), credentials) + "\n";
  command.limits = options_.limits;
  if (const ControlGroups& groups = options_.control_groups; !groups.folder.empty()) {
    command.group = {
        .folder = groups.folder / ("command-" + context.id()), .memory = groups.memory, .processes = groups.processes};
  }
  command.stop = context.stop();
  command.on_output_line = [&](std::string_view line) {
    if (trim(line).empty()) return;
    if (auto progress = parse_progress(line)) {
      if (progress->percent) output.progress.percent = progress->percent;
      if (!progress->summary.empty()) output.progress.summary = log.redacted(progress->summary);
      context.set_progress({progress->percent, output.progress.summary});
      log.add((progress->percent ? std::to_string(*progress->percent) + " % " : "") + log.redacted(progress->summary));
      return;
    }
    output.last_line = std::string(line);
    log.add(log.redacted(line));
  };
  command.on_error_line = [&](std::string_view line) {
    const std::string clean = log.redacted(line);
    log.add(clean);
    output.error_tail += clean + "\n";
    if (output.error_tail.size() > 2 * kErrorTail) output.error_tail.erase(0, output.error_tail.size() - kErrorTail);
  };
  // A command must not fill the disk before it ends.
  const std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  const Usage before = measure(folder, {all, all});
  const Usage bounds{before.entries + options_.outputs.max_entries, before.bytes + options_.outputs.max_bytes};
  command.inspect = [&]() -> std::optional<std::string> {
    const Usage now = measure(folder, bounds);
    if (now.entries > bounds.entries) {
      return "it made more than " + std::to_string(options_.outputs.max_entries) + " files, which limits.files forbids";
    }
    if (now.bytes > bounds.bytes) {
      return "it wrote more than " + std::to_string(options_.outputs.max_bytes) + " bytes, which limits.output forbids";
    }
    return std::nullopt;
  };
  context.log("running " + in_quotes(program));

  const GuardedResult end = run_guarded(command);
  wipe(command.standard_input);
  if (end.end == GuardedEnd::kStopped)
    throw Error(ErrorKind::kCancelled, "running " + in_quotes(program) + ": stopped");
  if (end.end == GuardedEnd::kInspection) {
    return Fail{aws::FailureType::kJobFailed, "the command " + in_quotes(program) + " was ended: " + end.reason, ""};
  }
  Result result = command_result(program, end, output);
  if (auto* fail = std::get_if<Fail>(&result)) fail->message = log.redacted(fail->message);
  if (auto* next = std::get_if<Continue>(&result)) next->summary = log.redacted(next->summary);
  if (auto* success = std::get_if<Success>(&result)) success->summary = log.redacted(success->summary);
  return result;
}

}  // namespace penstock::jobs
