// A handler's result as the journal keeps it, so that a restart reports the same. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/jobs/handler.h"

namespace penstock::jobs {

// As the history shows it: {"percentComplete", "summary", "externalExecutionId"}, what there is of it.
std::string progress_to_json(const Progress& progress, const std::string& external_execution_id = {});

std::string result_to_json(const Result& result);
// Error{kInvalidInput} for what is no such text.
Result result_from_json(std::string_view text);

}  // namespace penstock::jobs
