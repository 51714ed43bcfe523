// Which paths of an artifact its globs select.
#pragma once

#include <string>
#include <vector>

#include "core/hooks/glob.h"

namespace penstock::jobs {

// Thread-safe.
class PathSelection {
 public:
  // Error{kInvalidInput} for what is no glob.
  PathSelection(const std::vector<std::string>& include, const std::vector<std::string>& exclude);

  // A file must match one of `include`, if there are any, and none of `exclude`.
  bool has(const std::string& file) const;
  // Whether `exclude` leaves out a folder with all that can be in it: by "a/b", or by "a/b/**".
  bool leaves_out(const std::string& folder) const;
  bool is_everything() const noexcept { return include_.empty() && exclude_.empty(); }

 private:
  const std::vector<hooks::Glob> include_, exclude_, exclude_folders_;
};

}  // namespace penstock::jobs
