// credential_process: a program of the user's that prints credentials.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/aws/credentials.h"

namespace penstock::aws {

// Splits as a shell would at blanks, with quotes and back-slashes, but expands nothing. Error{kConfiguration} for an
// open quote.
std::vector<std::string> split_command(std::string_view command);

// Runs it without a shell, for at most a minute. Error{kConfiguration} when it cannot be run or prints something else,
// kUnauthenticated when it fails.
Credentials load_process_credentials(const std::string& command);

}  // namespace penstock::aws
