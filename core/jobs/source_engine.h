// From a repository and a revision to an artifact file, without AWS. Used by the git-source handler and by
// `penstock artifact`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/archive/archive.h"
#include "core/git/mirror.h"
#include "core/jobs/kept_artifacts.h"

namespace penstock::jobs {

struct SourceRequest {
  git::FetchRequest fetch;   // its stop and on_progress are set from the two below
  std::string subdirectory;  // "" = the whole tree; else only what is below it, with shorter paths
  int compression = 6;
  std::filesystem::path output;  // written beside and renamed
  // An earlier artifact to take over from, instead of the last one of the same remote and options. Need not exist.
  std::filesystem::path previous;
  std::stop_token stop;
  std::function<void(std::string_view)> log;  // may be null
  // As archive::WriteOptions::on_progress; the file's name changes when the artifact is begun again. May be null.
  std::function<void(const std::filesystem::path& file, std::uint64_t bytes)> on_written;
  // Told when fetching is done and zipping begins; may be null.
  std::function<void(const git::Commit&, std::chrono::duration<double> fetched_in)> on_fetched;
};

struct SourceResult {
  git::Commit commit;
  archive::WriteResult archive;
  std::chrono::duration<double> fetch{0}, zip{0};
};

// Thread-safe; jobs of one repository take turns while they fetch.
class SourceEngine {
 public:
  explicit SourceEngine(git::Mirrors& mirrors) : mirrors_(mirrors) {}

  // Blocks for the fetch and the zip. What has not changed since the last artifact of the same remote and options is
  // taken over from it; that one is kept in the mirror's folder, as another name of the output file. Errors of
  // Mirrors::fetch and write_archive; Error{kConfiguration} for a subdirectory that the commit does not have. A damaged
  // mirror is fetched anew, once. Submodules become empty folders, as in `git archive`.
  SourceResult make(const SourceRequest& request) const;

 private:
  SourceResult make_once(const SourceRequest& request) const;
  archive::WriteResult zip(const git::Snapshot& snapshot, const SourceRequest& request,
                           const std::optional<KeptArtifact>& last) const;

  git::Mirrors& mirrors_;
};

// What a person writes for a revision: a full commit id, "refs/…", or the name of a branch. Sets commit_id or ref.
void set_revision(git::FetchRequest& request, std::string_view revision);

}  // namespace penstock::jobs
