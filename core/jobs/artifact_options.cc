#include "core/jobs/artifact_options.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/glob.h"

namespace penstock::jobs {

void check_artifact_options(const ArtifactOptions& options) {
  folder_path(options.subdirectory);
  for (const auto* globs : {&options.include, &options.exclude}) {
    for (const std::string& glob : *globs) {
      try {
        hooks::Glob::compile(glob, hooks::SlashMeaning::kSeparator);
      } catch (const Error& error) {
        throw Error(ErrorKind::kConfiguration, "reading the glob " + in_quotes(glob) + ": " + error.what());
      }
    }
  }
  const bool partial = !folder_path(options.subdirectory).empty() || !options.include.empty() ||
                       !options.exclude.empty() || options.export_ignore;
  if (options.git_metadata && partial) {
    throw Error(ErrorKind::kConfiguration,
                "reading artifact options: gitMetadata needs the whole tree; it cannot go together with subdirectory, "
                "include, exclude or exportIgnore");
  }
}

std::string canonical_text(const ArtifactOptions& options) {
  std::string text = std::to_string(options.compression) + "\n" + folder_path(options.subdirectory) + "\n";
  for (const auto* globs : {&options.include, &options.exclude}) {
    for (const std::string& glob : *globs) text += std::to_string(glob.size()) + ":" + glob + "\n";
    text += "\n";
  }
  for (const bool option :
       {options.submodules != ArtifactOptions::Submodules::kNone,
        options.submodules == ArtifactOptions::Submodules::kRecursive, options.lfs, options.export_ignore,
        options.git_metadata, options.refuse_outside_links, options.refuse_case_clashes}) {
    text += option ? '1' : '0';
  }
  return text;
}

std::string folder_path(std::string_view subdirectory) {
  std::string path;
  for (const std::string& part : split(subdirectory, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      throw Error(ErrorKind::kConfiguration,
                  "reading subdirectory " + in_quotes(subdirectory) + ": \"..\" is not allowed");
    }
    path += (path.empty() ? "" : "/") + part;
  }
  return path;
}

}  // namespace penstock::jobs
