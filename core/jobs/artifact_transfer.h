// A job's artifacts between S3 and the disk, with the job's own credentials. What all handlers use.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/archive/folder.h"
#include "core/archive/unpack.h"
#include "core/aws/s3.h"
#include "core/base/error.h"
#include "core/base/time.h"
#include "core/jobs/handler.h"

namespace penstock::jobs {

// The AWS client's own few attempts are over within seconds. A failed job has to be retried by a person, so faults that
// pass are sat out for a minute or two before that.
class JobRetry {
 public:
  JobRetry(Context& context, const Clock& clock) : context_(context), clock_(clock) {}

  // What `call` returns, once it does not throw anything transient any more.
  template <typename Call>
  auto run(std::string_view what, const Call& call) {
    for (int failures = 1;; ++failures) {
      try {
        return call();
      } catch (const Error& error) {
        if (!wait_after(what, failures, error)) throw;
      }
    }
  }

 private:
  // False when it is not worth another attempt.
  bool wait_after(std::string_view what, int failures, const Error& error);

  Context& context_;
  const Clock& clock_;
};

// The request for an artifact of the job; its file is the caller's to set.
aws::UploadRequest upload_request(Context& context, const aws::JobArtifact& artifact);

// Sends the file; `begun` is finished if it can be, otherwise, and when it is null, the whole file is sent. Once more
// with fresh credentials when S3 refuses them. Errors as in s3.h, with advice.
aws::UploadResult upload_artifact(Context& context, aws::S3Client& s3, const aws::JobArtifact& artifact,
                                  const std::filesystem::path& file, std::unique_ptr<aws::S3Upload> begun = nullptr);

struct InputLimits {
  std::uint64_t max_download = 5ull << 30;
  archive::UnpackLimits unpacked = {};
};

// Brings an input artifact into a file. Tries again as JobRetry does, and with fresh credentials.
aws::DownloadResult download_artifact(Context& context, aws::S3Client& s3, const Clock& clock,
                                      const aws::JobArtifact& artifact, const std::filesystem::path& file,
                                      std::uint64_t max_bytes);

// All input artifacts of the job, unpacked into folder/NAME each. Error{kInvalidInput} for archives that are refused.
void fetch_inputs(Context& context, aws::S3Client& s3, const Clock& clock, const std::filesystem::path& folder,
                  const InputLimits& limits);

// Packs folder/NAME for each output artifact and sends them. Empty folders are left out: what is there may have been
// put there by the command itself. Error{kInvalidInput} or {kExhausted} for what cannot be packed.
void store_outputs(Context& context, aws::S3Client& s3, const Clock& clock, const std::filesystem::path& folder,
                   const archive::FolderLimits& limits);

// Error{kConfiguration} when a job's artifacts have no names that can be folders, no places, or the same names twice.
void check_artifacts(const aws::PipelineJob& job);

std::string size_text(std::uint64_t bytes);  // "1.50 MiB"

}  // namespace penstock::jobs
