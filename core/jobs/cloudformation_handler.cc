#include "core/jobs/cloudformation_handler.h"

#include <algorithm>

#include "core/archive/unpack.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/base/wake.h"
#include "core/jobs/artifact_transfer.h"
#include "core/jobs/stack_policy.h"

namespace penstock::jobs {
namespace {

constexpr int kEventPages = 10;
constexpr std::size_t kMaxVariableBytes = 100'000;  // CodePipeline takes 122,880
// What a continuation token holds beside the operation's own token; of another version it is not ours.
constexpr std::string_view kTokenBegin = "cloudformation/1/";

Continue go_on(const std::string& token, const aws::Stack& stack, const std::string& summary) {
  Continue next;
  next.continuation_token = std::string(kTokenBegin) + token;
  next.external_execution_id = stack.id;
  next.summary = summary;
  return next;
}

bool has_token(const std::vector<aws::StackEvent>& events, const std::string& token) {
  return std::any_of(events.begin(), events.end(),
                     [&](const aws::StackEvent& event) { return event.client_request_token == token; });
}

// What CloudFormation says of a template or its parameters is for whoever configured them.
[[noreturn]] void throw_as_configuration(const Error& error) {
  std::string advice;
  if (error.code() == "InsufficientCapabilitiesException")
    advice = "; add it to \"capabilities\" of the UserParameters";
  if (error.kind() == ErrorKind::kPermission) advice = "; allow it in the policy of Penstock's own credentials";
  const bool is_refused = error.kind() == ErrorKind::kInvalidInput || !advice.empty();
  const ErrorKind kind = error.kind() == ErrorKind::kPermission ? error.kind()
                         : is_refused                           ? ErrorKind::kConfiguration
                                                                : error.kind();
  throw Error(kind, error.what() + advice).with_code(error.code());
}

}  // namespace

CloudFormationHandler::CloudFormationHandler(Options options, const WorkFolders& folders,
                                             std::shared_ptr<aws::S3Client> s3,
                                             std::shared_ptr<aws::CloudFormationClient> cloudformation,
                                             std::function<std::string(const std::string& key)> template_url,
                                             const Clock& clock)
    : options_(std::move(options)),
      folders_(folders),
      s3_(std::move(s3)),
      cloudformation_(std::move(cloudformation)),
      template_url_(std::move(template_url)),
      clock_(clock) {}

Result CloudFormationHandler::run(Context& context) {
  const aws::PipelineJob& job = context.job();
  check_artifacts(job);
  const auto configured = job.configuration.find("UserParameters");
  const StackParameters parameters =
      parse_stack_parameters(configured == job.configuration.end() ? "" : configured->second);
  const std::string token =
      stack_request_token(job.action_execution_id.empty() ? job.id : job.action_execution_id, parameters.stack);
  if (job.continuation_token.empty()) return begin(context, parameters, token);
  if (job.continuation_token != std::string(kTokenBegin) + token) {
    return Fail{aws::FailureType::kConfigurationError,
                "continuing the job: its token is not of this action and stack; retry the stage", ""};
  }
  return look(context, parameters, token);
}

Result CloudFormationHandler::begin(Context& context, const StackParameters& parameters, const std::string& token) {
  const std::string& name = parameters.stack;
  std::optional<aws::Stack> stack = JobRetry(context, clock_).run("asking for the stack", [&] {
    return cloudformation_->find_stack(name, context.stop());
  });
  const bool exists = stack && stack->status != "DELETE_COMPLETE";
  if (exists && has_token(cloudformation_->list_events(stack->id, 1, context.stop()), token)) {
    context.log("the operation on the stack " + name + " was already started");
    return look(context, parameters, token);
  }
  if (exists && judge_readiness(stack->status) != StackReadiness::kReady) {
    return Fail{aws::FailureType::kJobFailed, explain_readiness(name, stack->status), stack->id};
  }
  const aws::StackRequest request = stack_request(context, parameters, token);
  try {
    if (!exists) {
      context.log("creating the stack " + name);
      const std::string id = JobRetry(context, clock_).run("creating the stack", [&] {
        return cloudformation_->create_stack(request, context.stop());
      });
      return go_on(token, {.id = id, .name = name}, "creating the stack " + name);
    }
    context.log("updating the stack " + name + ", its status is " + stack->status);
    const aws::StackUpdate update = JobRetry(context, clock_).run("updating the stack", [&] {
      return cloudformation_->update_stack(request, context.stop());
    });
    if (update == aws::StackUpdate::kNothingToDo)
      return succeed(context, *stack, "the stack " + name + " needs no update");
    return go_on(token, *stack, "updating the stack " + name);
  } catch (const Error& error) {
    // The answer to an earlier attempt may have been lost.
    if (error.may_have_happened() && has_token(cloudformation_->list_events(name, 1, context.stop()), token)) {
      return look(context, parameters, token);
    }
    throw_as_configuration(error);
  }
}

Result CloudFormationHandler::look(Context& context, const StackParameters& parameters, const std::string& token) {
  for (int looks = 1;; ++looks) {
    const std::optional<aws::Stack> stack = JobRetry(context, clock_).run("asking for the stack", [&] {
      return cloudformation_->find_stack(parameters.stack, context.stop());
    });
    if (!stack) {
      return Fail{aws::FailureType::kJobFailed, "the stack " + in_quotes(parameters.stack) + " is not there any more",
                  ""};
    }
    context.log("the stack's status is " + stack->status);
    switch (judge_progress(stack->status)) {
      case StackProgress::kDone:
        return succeed(context, *stack, "the stack " + parameters.stack + " is " + stack->status);
      case StackProgress::kFailed: {
        std::string reason = first_failure(cloudformation_->list_events(stack->id, kEventPages, context.stop()), token);
        if (reason.empty()) reason = stack->status_reason;
        return Fail{
            aws::FailureType::kJobFailed,
            "the stack " + in_quotes(parameters.stack) + " is " + stack->status + (reason.empty() ? "" : ": " + reason),
            stack->id};
      }
      case StackProgress::kUnderWay:
        break;
    }
    if (looks == 2) return go_on(token, *stack, "the stack " + parameters.stack + " is " + stack->status);
    Wake none;
    none.wait_for(context.stop(), options_.look);
    if (context.stop().stop_requested()) throw Error(ErrorKind::kCancelled, "waiting for the stack: stopped");
  }
}

aws::StackRequest CloudFormationHandler::stack_request(Context& context, const StackParameters& parameters,
                                                       const std::string& token) {
  aws::StackRequest request;
  request.name = parameters.stack;
  request.parameters = parameters.parameters;
  request.tags = parameters.tags;
  request.capabilities = parameters.capabilities;
  request.role_arn = parameters.role_arn;
  request.client_request_token = token;
  std::string content = read_template(context, parameters);
  if (content.size() > aws::kMaxTemplateBody) {
    request.template_url = store_template(context, content);
  } else {
    request.template_body = std::move(content);
  }
  return request;
}

std::string CloudFormationHandler::read_template(Context& context, const StackParameters& parameters) {
  const PhaseTimer timer(context, "fetch");
  const auto& artifacts = context.job().input_artifacts;
  const auto artifact = std::find_if(artifacts.begin(), artifacts.end(),
                                     [&](const aws::JobArtifact& input) { return input.name == parameters.artifact; });
  if (artifact == artifacts.end()) {
    std::string names;
    for (const aws::JobArtifact& input : artifacts) names += (names.empty() ? "" : ", ") + input.name;
    throw Error(ErrorKind::kConfiguration, "the action has no input artifact " + in_quotes(parameters.artifact) +
                                               (names.empty() ? "" : ", but " + names));
  }
  const WorkFolder folder(folders_, context.id());
  const std::filesystem::path file = folder.path() / "input.zip";
  download_artifact(context, *s3_, clock_, *artifact, file, options_.max_artifact_bytes);
  try {
    std::string content = archive::read_archived_file(file, parameters.file, aws::kMaxTemplateObject, context.stop());
    if (trim(content).empty()) throw Error(ErrorKind::kConfiguration, in_quotes(parameters.file) + " is empty");
    return content;
  } catch (const Error& error) {
    throw error.with_context("reading the template from input artifact " + parameters.artifact);
  }
}

std::string CloudFormationHandler::store_template(Context& context, const std::string& content) {
  if (options_.template_bucket.empty()) {
    throw Error(ErrorKind::kConfiguration,
                "the template has " + std::to_string(content.size()) +
                    " bytes; above 51200 it goes through S3: set cloudformation.templateBucket of the worker");
  }
  const WorkFolder folder(folders_, context.id() + "-template");
  write_file_atomically(folder.path() / "template", content, 0600);
  aws::UploadRequest request;
  request.bucket = options_.template_bucket;
  request.key = "penstock-templates/" + sha256_hex(content);
  request.file = folder.path() / "template";
  request.encryption = "AES256";
  request.content_type = "application/octet-stream";
  request.stop = context.stop();
  JobRetry(context, clock_).run("uploading the template", [&] { return s3_->upload_file(request); });
  context.log("the template of " + std::to_string(content.size()) + " bytes is s3://" + request.bucket + "/" +
              request.key);
  return template_url_(request.key);
}

Result CloudFormationHandler::succeed(Context& context, const aws::Stack& stack, const std::string& summary) {
  Success success;
  success.external_execution_id = stack.id;
  success.summary = summary;
  std::size_t bytes = 0;
  for (const auto& [name, value] : stack.outputs) {
    bytes += name.size() + value.size();
    if (bytes > kMaxVariableBytes) {
      context.log("the stack has more outputs than an action may have variables; the rest is left out");
      break;
    }
    success.output_variables[name] = value;
  }
  context.log(summary);
  return success;
}

}  // namespace penstock::jobs
