// The cloudformation handler: a template of the input artifact becomes a stack.
//
// The first job starts the operation, and each continued one looks at it. All that they need is in the job itself: a
// token of the action's run names the operation in the stack's events, so that what a killed process has started is
// recognized and not started again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/aws/cloudformation.h"
#include "core/aws/s3.h"
#include "core/base/time.h"
#include "core/jobs/handler.h"
#include "core/jobs/stack_parameters.h"
#include "core/jobs/work_folder.h"

namespace penstock::jobs {

// Thread-safe.
class CloudFormationHandler final : public Handler {
 public:
  struct Options {
    std::string template_bucket;  // for templates above 51,200 bytes; empty = they are refused
    std::uint64_t max_artifact_bytes = 1ull << 30;
    std::chrono::milliseconds look{5000};  // a continued job looks twice, with this between
  };
  // `template_url` gives the address of an object of template_bucket. `folders` must outlive it.
  CloudFormationHandler(Options options, const WorkFolders& folders, std::shared_ptr<aws::S3Client> s3,
                        std::shared_ptr<aws::CloudFormationClient> cloudformation,
                        std::function<std::string(const std::string& key)> template_url, const Clock& clock);

  std::string_view name() const noexcept override { return "cloudformation"; }
  Result run(Context& context) override;

 private:
  Result begin(Context& context, const StackParameters& parameters, const std::string& token);
  Result look(Context& context, const StackParameters& parameters, const std::string& token);
  aws::StackRequest stack_request(Context& context, const StackParameters& parameters, const std::string& token);
  std::string read_template(Context& context, const StackParameters& parameters);
  std::string store_template(Context& context, const std::string& content);
  Result succeed(Context& context, const aws::Stack& stack, const std::string& summary);

  const Options options_;
  const WorkFolders& folders_;
  const std::shared_ptr<aws::S3Client> s3_;
  const std::shared_ptr<aws::CloudFormationClient> cloudformation_;
  const std::function<std::string(const std::string& key)> template_url_;
  const Clock& clock_;
};

}  // namespace penstock::jobs
