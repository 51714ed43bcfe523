// The key of continuation tokens that this server makes for itself.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/secret.h"

namespace penstock::server {

struct ContinuationKey {
  Secret key;
  std::string node;  // tells this data directory from others; not secret
};

// Reads continuation.key of the data directory, whose lock the caller holds; makes it when it is not there.
// Error{kConfiguration} when the file is no key, or not for its owner alone.
ContinuationKey load_continuation_key(const std::filesystem::path& data_directory);

}  // namespace penstock::server
