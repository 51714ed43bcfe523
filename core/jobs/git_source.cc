#include "core/jobs/git_source.h"

#include <cstdio>
#include <system_error>

#include "core/azure/repository_url.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/jobs/artifact_transfer.h"

namespace penstock::jobs {
namespace {

constexpr std::chrono::milliseconds kShortestFetch{1000};

// A file that goes with its job, however that ends.
class ArtifactFile {
 public:
  explicit ArtifactFile(std::filesystem::path path) : path_(std::move(path)) {}
  ArtifactFile(const ArtifactFile&) = delete;
  ArtifactFile& operator=(const ArtifactFile&) = delete;
  ~ArtifactFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  const std::filesystem::path path_;
};

std::string without_user(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(url.find('/', begin), url.size());
  const std::size_t at = url.rfind('@', end);
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + url.substr(at + 1);
}

std::string seconds_text(std::chrono::duration<double> duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", duration.count());
  return text;
}

const aws::JobArtifact& only_output(const aws::PipelineJob& job) {
  if (job.output_artifacts.size() != 1) {
    throw Error(ErrorKind::kConfiguration, "reading the job: a source action has one output artifact, this has " +
                                               std::to_string(job.output_artifacts.size()));
  }
  const aws::JobArtifact& artifact = job.output_artifacts.front();
  if (artifact.location.bucket.empty() || artifact.location.key.empty()) {
    throw Error(ErrorKind::kConfiguration, "reading the job: its output artifact has no S3 location");
  }
  return artifact;
}

}  // namespace

std::map<std::string, std::string> output_variables(const git::Commit& commit, const std::string& ref,
                                                    const std::string& remote) {
  // All of an action's variables together may have 122,880 bytes.
  const auto bounded = [](std::string_view text, std::size_t bytes) { return truncate_utf8(text, bytes, bytes); };
  std::map<std::string, std::string> variables;
  variables["CommitId"] = commit.id;
  variables["BranchName"] = bounded(azure::short_ref_name(ref), 1000);
  variables["CommitMessage"] = bounded(commit.message, 60'000);
  variables["AuthorDate"] = format_rfc3339(commit.author_time);
  variables["AuthorDisplayName"] = bounded(commit.author_name, 1000);
  variables["AuthorEmail"] = bounded(commit.author_email, 1000);
  variables["FullRepositoryName"] = bounded(azure::full_repository_name(remote), 1000);
  variables["RepositoryName"] = bounded(azure::repository_name(remote), 1000);
  variables["CommitUrl"] = bounded(azure::commit_page(remote, commit.id), 2000);
  std::erase_if(variables, [](const auto& variable) { return variable.second.empty(); });
  return variables;
}

void remove_stale_artifacts(const std::filesystem::path& artifact_directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(artifact_directory, ignored)) {
    std::error_code failed;
    std::filesystem::remove_all(entry.path(), failed);
  }
}

GitSource::GitSource(Options options, git::Mirrors& mirrors, git::LfsObjects& lfs, std::shared_ptr<aws::S3Client> s3,
                     GitCredentialLookup credentials, const Clock& clock)
    : options_(std::move(options)),
      engine_(mirrors, &lfs),
      s3_(std::move(s3)),
      lookup_(std::move(credentials)),
      credentials_(std::make_unique<CredentialRotation>(options_.credentials, lookup_)),
      clock_(clock) {}

Result GitSource::run(Context& context) {
  const aws::PipelineJob& job = context.job();
  only_output(job);  // before anything is fetched
  SourceRequest request;
  request.fetch.remote = azure::expand_remote(options_.remote, job.configuration);
  if (context.pushed()) {
    request.fetch.commit_id = context.pushed()->commit_id;
    request.fetch.ref = context.pushed()->ref;
    context.log("building the pushed commit " + request.fetch.commit_id + " of " + request.fetch.ref);
  } else {
    request.fetch.ref = azure::expand_branch(options_.branch, job.configuration);
    context.log("building the head of " + request.fetch.ref);
  }
  context.log("repository " + without_user(request.fetch.remote));
  request.options = options_.artifact;
  request.submodule_credential = [&](const std::string& remote, CredentialUse use) {
    return submodule_credential(request.fetch, remote, options_.submodule_hosts, lookup_, use);
  };
  request.stop = context.stop();
  request.log = [&context](std::string_view line) { context.log(line); };
  const std::string ref = request.fetch.ref;
  request.on_fetched = [&](const git::Commit& commit, std::chrono::duration<double> fetched_in) {
    context.add_phase("fetch", fetched_in);
    context.set_revision(commit.id, ref);
    context.log("commit " + commit.id + " " + commit.summary + " (fetched in " + seconds_text(fetched_in) + ")");
  };

  std::filesystem::create_directories(options_.artifact_directory);
  const ArtifactFile file(options_.artifact_directory / (context.id() + ".zip"));
  request.output = file.path();
  // A large artifact is sent while it is still being made.
  std::unique_ptr<aws::S3Upload> begun = s3_->begin_upload(upload_request(context, only_output(job)));
  request.on_written = [&](const std::filesystem::path& path, std::uint64_t bytes) { begun->grow(path, bytes); };
  const SourceResult source =
      JobRetry(context, clock_).run("fetching", [&] { return fetch_and_zip(context, request); });
  context.add_phase("zip", source.zip);
  context.log("artifact of " + std::to_string(source.archive.entries) + " entries, " + size_text(source.archive.bytes) +
              (source.archive.reused_entries > 0
                   ? ", " + std::to_string(source.archive.reused_entries) + " of them as in the last one"
                   : "") +
              " (zipped in " + seconds_text(source.zip) + ")");

  const aws::UploadResult uploaded = JobRetry(context, clock_).run("uploading", [&] {
    return upload_artifact(context, *s3_, only_output(job), file.path(), std::move(begun));
  });
  const aws::S3Location& location = only_output(job).location;
  context.set_artifact({.bucket = location.bucket,
                        .key = location.key,
                        .sha256 = uploaded.sha256,
                        .bytes = source.archive.bytes,
                        .entries = source.archive.entries});
  context.log("uploaded to s3://" + location.bucket + "/" + location.key +
              (uploaded.parts > 1 ? " in " + std::to_string(uploaded.parts) + " parts" : ""));

  Success success;
  success.current_revision =
      aws::CurrentRevision{source.commit.id, ref, source.commit.summary, source.commit.commit_time};
  success.output_variables = output_variables(source.commit, ref, without_user(request.fetch.remote));
  return success;
}

void GitSource::prime(const std::string& remote, std::stop_token stop,
                      const std::function<void(std::string_view)>& log) const {
  SourceRequest request;
  request.fetch.remote = remote;
  request.fetch.ref = "HEAD";
  request.options = options_.artifact;
  request.submodule_credential = [&](const std::string& submodule, CredentialUse use) {
    return submodule_credential(request.fetch, submodule, options_.submodule_hosts, lookup_, use);
  };
  request.stop = std::move(stop);
  std::filesystem::create_directories(options_.artifact_directory);
  const ArtifactFile file(options_.artifact_directory / ("prime-" + make_uuid_v7(clock_) + ".zip"));
  request.output = file.path();
  credentials_->run(
      without_user(remote),
      [&](const git::Credential& credential) {
        request.fetch.credential = credential;
        engine_.make(request);
      },
      log);
}

SourceResult GitSource::fetch_and_zip(Context& context, SourceRequest& request) const {
  SourceResult result;
  credentials_->run(
      without_user(request.fetch.remote),
      [&](const git::Credential& credential) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline() - clock_.steady_now());
        request.fetch.timeout = std::max(left, kShortestFetch);
        request.fetch.credential = credential;
        result = engine_.make(request);
      },
      [&](std::string_view line) { context.log(line); });
  return result;
}

}  // namespace penstock::jobs
