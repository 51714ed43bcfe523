// What a command's end and its output mean for its job. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/jobs/guarded_process.h"
#include "core/jobs/handler.h"

namespace penstock::jobs {

// A line of stdout such as {"percentComplete": 40, "summary": "compiling"}: how far the command is.
struct CommandProgress {
  std::optional<int> percent;  // 0 to 100
  std::string summary;
};
// Nothing for a line that is something else, such as a result.
std::optional<CommandProgress> parse_progress(std::string_view line);

struct CommandOutput {
  std::string last_line;   // of stdout, the last that is not blank
  std::string error_tail;  // of stderr, without secrets
  CommandProgress progress;
};

// The result in the last line of stdout, in the shape that partner Lambda functions answer, or else the exit code.
// `end` is neither kStopped nor kInspection.
Result command_result(const std::string& program, const GuardedResult& end, const CommandOutput& output);

}  // namespace penstock::jobs
