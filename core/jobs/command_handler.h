// The command handler: an executable does the job. It gets the job on stdin as a Lambda function gets it, its input
// artifacts as folders, and puts its output artifacts into folders.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/aws/s3.h"
#include "core/base/time.h"
#include "core/jobs/artifact_transfer.h"
#include "core/jobs/control_group.h"
#include "core/jobs/guarded_process.h"
#include "core/jobs/handler.h"
#include "core/jobs/work_folder.h"

namespace penstock::jobs {

// Thread-safe.
class CommandHandler final : public Handler {
 public:
  // What becomes of a job whose command was cut off by the end of this process.
  enum class WhenInterrupted { kRepeat, kFail };
  struct Options {
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment;  // besides what every command gets
    std::string user;                                // empty = ours
    std::vector<std::string> guard;                  // how the guard is started, see process_guard.h
    std::string region;
    ProcessLimits limits;
    ControlGroups control_groups;  // where commands have theirs
    InputLimits inputs;
    archive::FolderLimits outputs;
    std::uint64_t max_log_bytes = 4u << 20;
    WhenInterrupted when_interrupted = WhenInterrupted::kRepeat;
  };
  // `folders` must outlive it.
  CommandHandler(Options options, const WorkFolders& folders, std::shared_ptr<aws::S3Client> s3, const Clock& clock);

  std::string_view name() const noexcept override { return "command"; }
  // A command may call PutJobSuccessResult or PutJobFailureResult itself.
  SelfReport self_report() const noexcept override { return SelfReport::kPossible; }
  Result run(Context& context) override;

 private:
  Result run_command(Context& context, const std::filesystem::path& folder) const;
  std::map<std::string, std::string> environment(const Context& context, const std::filesystem::path& folder) const;

  const Options options_;
  const WorkFolders& folders_;
  const std::shared_ptr<aws::S3Client> s3_;
  const Clock& clock_;
};

}  // namespace penstock::jobs
