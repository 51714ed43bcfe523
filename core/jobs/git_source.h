// The git-source handler: the pushed commit of a repository becomes the action's output artifact.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/aws/s3.h"
#include "core/base/time.h"
#include "core/git/mirror.h"
#include "core/jobs/credential_rotation.h"
#include "core/jobs/handler.h"
#include "core/jobs/source_engine.h"
#include "core/jobs/submodule_policy.h"

namespace penstock::jobs {

// Thread-safe.
class GitSource final : public Handler {
 public:
  struct Options {
    std::string remote;                    // with {Key}
    std::string branch;                    // with {Key}; what a manual start builds
    std::vector<std::string> credentials;  // names for the lookup, tried in this order; none = no login
    ArtifactOptions artifact;
    SubmoduleHosts submodule_hosts;            // besides the remote's own
    std::filesystem::path artifact_directory;  // made when missing; files live for their job only
  };
  // `mirrors` and `lfs` must outlive it.
  GitSource(Options options, git::Mirrors& mirrors, git::LfsObjects& lfs, std::shared_ptr<aws::S3Client> s3,
            GitCredentialLookup credentials, const Clock& clock);

  std::string_view name() const noexcept override { return "git-source"; }
  Result run(Context& context) override;

  // Fetches a repository's default branch and makes its artifact, for nobody yet: the first job after it then has only
  // to bring what has changed. Blocks. Errors of SourceEngine::make.
  void prime(const std::string& remote, std::stop_token stop, const std::function<void(std::string_view)>& log) const;

 private:
  SourceResult fetch_and_zip(Context& context, SourceRequest& request) const;

  const Options options_;
  const SourceEngine engine_;
  const std::shared_ptr<aws::S3Client> s3_;
  const GitCredentialLookup lookup_;
  const std::unique_ptr<CredentialRotation> credentials_;
  const Clock& clock_;
};

// Removes what a killed process left in the folder; before any handler uses it.
void remove_stale_artifacts(const std::filesystem::path& artifact_directory);

// The output variables, named as CodeStarSourceConnection names them so that later actions work unchanged, within the
// service's limits. Pure.
std::map<std::string, std::string> output_variables(const git::Commit& commit, const std::string& ref,
                                                    const std::string& remote);

}  // namespace penstock::jobs
