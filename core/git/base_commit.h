// Fetching the commit that another one is to be compared with. Private to this module.
#pragma once

#include <filesystem>
#include <string>

#include "core/git/fetch.h"

namespace penstock::git {

// The id of the base, which is then in the mirror with all its files; empty when the remote does not give it out, or
// there is none within 5,000 generations, or the ref is the default branch itself, or the remote has none. `commit_id`
// is in the mirror. For callers that hold the mirror's lock. The errors of Mirrors::fetch(); kCorrupt when the mirror
// is damaged.
std::string fetch_base(const std::filesystem::path& mirror, const std::string& commit_id,
                       const FetchRequest::Base& base, const Fetcher& fetcher);

}  // namespace penstock::git
