// A job as CodePipeline hands it to a Lambda function. Pure.
#pragma once

#include <string>

#include "core/aws/codepipeline.h"
#include "core/aws/credentials.h"

namespace penstock::jobs {

// {"CodePipeline.job": {…}} with pipelineContext added, one line. Holds the credentials: never log it.
std::string job_event(const aws::PipelineJob& job, const aws::Credentials& credentials);

}  // namespace penstock::jobs
