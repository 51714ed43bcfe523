// From a repository and a revision to an artifact file, without AWS. Used by the git-source handler and by
// `penstock artifact`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/archive/archive.h"
#include "core/git/lfs.h"
#include "core/git/mirror.h"
#include "core/jobs/artifact_options.h"
#include "core/jobs/source_tree.h"

namespace penstock::jobs {

struct SourceRequest {
  git::FetchRequest fetch;  // its history, stop and on_progress are set from what is below
  ArtifactOptions options;
  SubmoduleCredential submodule_credential;  // null = submodules are fetched without
  std::filesystem::path output;              // written beside and renamed
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
  // Both must outlive it. Without `lfs` an artifact with Git LFS objects cannot be made.
  SourceEngine(git::Mirrors& mirrors, git::LfsObjects* lfs) : mirrors_(mirrors), lfs_(lfs) {}

  // Blocks for the fetch and the zip. What has not changed since the last artifact of the same remote and options is
  // taken over from it; that one is kept in the mirror's folder, as another name of the output file. Errors of
  // Mirrors::fetch, SourceTree and write_archive. A damaged mirror is fetched anew, once.
  SourceResult make(const SourceRequest& request) const;

 private:
  SourceResult make_once(const SourceRequest& request) const;

  git::Mirrors& mirrors_;
  git::LfsObjects* const lfs_;
};

// What a person writes for a revision: a full commit id, "refs/…", or the name of a branch. Sets commit_id or ref.
void set_revision(git::FetchRequest& request, std::string_view revision);

}  // namespace penstock::jobs
