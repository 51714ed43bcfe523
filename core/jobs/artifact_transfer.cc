#include "core/jobs/artifact_transfer.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <system_error>

#include "core/archive/archive.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/retry.h"
#include "core/base/text.h"
#include "core/base/wake.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 10;
constexpr BackoffPolicy kBetweenTries{std::chrono::milliseconds(500), std::chrono::seconds(20)};

std::string place_of(const aws::JobArtifact& artifact) {
  return "s3://" + artifact.location.bucket + "/" + artifact.location.key;
}

// Artifact credentials live for about 15 minutes, and S3 also calls expired ones "access denied".
bool may_be_expired(const Error& error) {
  return error.kind() == ErrorKind::kUnauthenticated || error.kind() == ErrorKind::kPermission;
}

template <typename Call>
auto with_fresh_credentials(Context& context, std::string_view what, std::string_view advice, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    if (!may_be_expired(error)) throw;
    context.log(std::string(what) + " was refused, trying it with fresh credentials");
  }
  context.credentials().invalidate();
  try {
    return call();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kPermission) throw;
    throw Error(error.kind(), error.what() + std::string("; ") + std::string(advice)).with_code(error.code());
  }
}

void check_names(const std::vector<aws::JobArtifact>& artifacts, const char* kind) {
  std::set<std::string> names;
  for (const aws::JobArtifact& artifact : artifacts) {
    const bool is_name =
        !artifact.name.empty() && artifact.name.size() <= 100 &&
        std::all_of(artifact.name.begin(), artifact.name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        });
    const std::string which = std::string("reading the job: its ") + kind + " artifact " + in_quotes(artifact.name);
    if (!is_name) throw Error(ErrorKind::kConfiguration, which + " has no valid name");
    if (!names.insert(artifact.name).second) throw Error(ErrorKind::kConfiguration, which + " is there twice");
    if (artifact.location.bucket.empty() || artifact.location.key.empty()) {
      throw Error(ErrorKind::kConfiguration, which + " has no S3 location");
    }
  }
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
  return text;
}

bool JobRetry::wait_after(std::string_view what, int failures, const Error& error) {
  const auto delay = retry_delay(kBetweenTries, failures, random_unit());
  if (!is_transient(error.kind()) || failures == kTries || context_.stop().stop_requested() ||
      clock_.steady_now() + delay >= context_.deadline()) {
    return false;
  }
  context_.log(std::string(what) + " failed, trying it again: " + error.what());
  Wake none;
  none.wait_for(context_.stop(), delay);
  return true;
}

void check_artifacts(const aws::PipelineJob& job) {
  check_names(job.input_artifacts, "input");
  check_names(job.output_artifacts, "output");
}

aws::UploadRequest upload_request(Context& context, const aws::JobArtifact& artifact) {
  aws::UploadRequest request;
  request.bucket = artifact.location.bucket;
  request.key = artifact.location.key;
  request.kms_key_id = context.job().encryption_key_id;
  request.credentials = &context.credentials();
  request.stop = context.stop();
  return request;
}

aws::UploadResult upload_artifact(Context& context, aws::S3Client& s3, const aws::JobArtifact& artifact,
                                  const fs::path& file, std::unique_ptr<aws::S3Upload> begun) {
  const PhaseTimer timer(context, "upload");
  aws::UploadRequest request = upload_request(context, artifact);
  request.file = file;
  return with_fresh_credentials(
      context, "the upload",
      "the pipeline's role needs s3:PutObject on the artifact bucket and kms:GenerateDataKey, kms:Encrypt, kms:Decrypt "
      "on its key",
      [&] {
        if (!begun) return s3.upload_file(request);
        const std::unique_ptr<aws::S3Upload> upload = std::move(begun);
        return upload->finish(file);
      });
}

aws::DownloadResult download_artifact(Context& context, aws::S3Client& s3, const Clock& clock,
                                      const aws::JobArtifact& artifact, const fs::path& file, std::uint64_t max_bytes) {
  aws::DownloadRequest request;
  request.bucket = artifact.location.bucket;
  request.key = artifact.location.key;
  request.file = file;
  request.max_bytes = max_bytes;
  request.credentials = &context.credentials();
  request.deadline = context.deadline();
  request.stop = context.stop();
  return JobRetry(context, clock).run("downloading", [&] {
    return with_fresh_credentials(
        context, "the download",
        "the pipeline's role needs s3:GetObject on the artifact bucket and kms:Decrypt on its key",
        [&] { return s3.download_file(request); });
  });
}

void fetch_inputs(Context& context, aws::S3Client& s3, const Clock& clock, const fs::path& folder,
                  const InputLimits& limits) {
  const PhaseTimer timer(context, "fetch");
  for (const aws::JobArtifact& artifact : context.job().input_artifacts) {
    const fs::path file = folder / (artifact.name + ".zip");
    const aws::DownloadResult downloaded = download_artifact(context, s3, clock, artifact, file, limits.max_download);
    const fs::path target = folder / artifact.name;
    fs::create_directories(target);
    try {
      const archive::UnpackResult unpacked = archive::unpack_archive(file, target, limits.unpacked, context.stop());
      context.log("input artifact " + artifact.name + " of " + std::to_string(unpacked.entries) + " entries, " +
                  size_text(unpacked.bytes) + ", from " + place_of(artifact) + " (" + size_text(downloaded.bytes) +
                  ")");
    } catch (const Error& error) {
      throw error.with_context("unpacking input artifact " + artifact.name);
    }
    fs::remove(file);
  }
}

void store_outputs(Context& context, aws::S3Client& s3, const Clock& clock, const fs::path& folder,
                   const archive::FolderLimits& limits) {
  struct Packed {
    const aws::JobArtifact* artifact;
    fs::path file;
    archive::WriteResult written;
  };
  std::vector<Packed> packed;
  for (const aws::JobArtifact& artifact : context.job().output_artifacts) {
    const PhaseTimer timer(context, "zip");
    try {
      const archive::Folder contents(folder / artifact.name, limits, context.stop());
      if (contents.entries() == 0) {
        context.log("output artifact " + artifact.name + " is empty and is not uploaded");
        continue;
      }
      archive::WriteOptions options;
      options.modified = clock.now();
      options.output = folder / (artifact.name + ".zip");
      options.stop = context.stop();
      packed.push_back(
          {&artifact, options.output, archive::write_archive(contents.source(), contents.reader(), options)});
    } catch (const Error& error) {
      throw error.with_context("packing output artifact " + artifact.name);
    }
  }
  // All are packed before the first is sent: what cannot be packed leaves nothing half done.
  for (const Packed& output : packed) {
    const aws::UploadResult uploaded = JobRetry(context, clock).run("uploading", [&] {
      return upload_artifact(context, s3, *output.artifact, output.file);
    });
    context.set_artifact({.bucket = output.artifact->location.bucket,
                          .key = output.artifact->location.key,
                          .sha256 = uploaded.sha256,
                          .bytes = output.written.bytes,
                          .entries = output.written.entries});
    context.log("output artifact " + output.artifact->name + " of " + std::to_string(output.written.entries) +
                " entries, " + size_text(output.written.bytes) + ", uploaded to " + place_of(*output.artifact));
  }
}

}  // namespace penstock::jobs
