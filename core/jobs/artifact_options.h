// What an artifact is to hold and how, besides the commit.
#pragma once

#include <string>
#include <vector>

namespace penstock::jobs {

struct ArtifactOptions {
  int compression = 6;       // 0 (store) … 12
  std::string subdirectory;  // "" = the whole tree; else only what is below it, with shorter paths
  // Globs of paths in the artifact, as in CodePipeline's trigger filters ('*' stops at '/', '**' does not): when there
  // are some, a file must match one of `include`; none that matches one of `exclude` is in.
  std::vector<std::string> include, exclude;
  enum class Submodules { kNone, kDirect, kRecursive };
  Submodules submodules = Submodules::kNone;  // left out, they are empty folders
  bool lfs = false;                           // real content instead of Git LFS pointers
  bool export_ignore = false;                 // leaves out what .gitattributes say, as `git archive` does
  bool git_metadata = false;                  // a shallow .git folder
  // Legal in git, and a trap where the artifact is unpacked. Warned about, unless they are to be refused.
  bool refuse_outside_links = false;
  bool refuse_case_clashes = false;
};

// Error{kConfiguration} for options that contradict each other and for globs that are none.
void check_artifact_options(const ArtifactOptions& options);

// The same text for options that make the same artifact of a commit, and for no others.
std::string canonical_text(const ArtifactOptions& options);

// "./services//shop/" -> "services/shop"; empty for the whole tree. Error{kConfiguration} when it leads out.
std::string folder_path(std::string_view subdirectory);

}  // namespace penstock::jobs
