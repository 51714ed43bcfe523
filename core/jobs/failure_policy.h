// Which CodePipeline failure type an error becomes, and the message that people find in the console. Pure.
#pragma once

#include <exception>
#include <string>

#include "core/aws/codepipeline.h"
#include "core/base/error.h"
#include "core/jobs/handler.h"

namespace penstock::jobs {

aws::FailureType failure_type_of(const Error& error);

// The type and a message of at most 5,000 characters; what is not an Error is a fault of ours or of the machine.
Fail failure_of(const std::exception& error);

}  // namespace penstock::jobs
