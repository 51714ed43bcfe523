#include "core/jobs/kept_artifacts.h"

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/time.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCommitIdDigits = 40;
constexpr std::size_t kUuidCharacters = 36;
constexpr std::size_t kCrcDigits = 8;
constexpr std::string_view kSuffix = ".zip";

// Names are PREFIX-UUID-COMMIT-CRC.zip. The UUIDs rise with time, so the last name is the newest.
std::vector<fs::path> sorted_files(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().native();
    const std::size_t size = prefix.size() + kUuidCharacters + 1 + kCommitIdDigits + 1 + kCrcDigits + kSuffix.size();
    if (name.starts_with(prefix) && name.ends_with(kSuffix) && name.size() == size) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

KeptArtifacts::KeptArtifacts(fs::path folder, std::string_view options)
    : folder_(std::move(folder)), prefix_("artifact-" + sha256_hex(options).substr(0, 16) + "-") {}

std::optional<KeptArtifact> KeptArtifacts::newest() const {
  const std::vector<fs::path> files = sorted_files(folder_, prefix_);
  if (files.empty()) return std::nullopt;
  const std::string name = files.back().stem().native();
  const auto crc = from_hex(name.substr(name.size() - kCrcDigits));
  if (!crc) return std::nullopt;
  KeptArtifact found{files.back(), name.substr(name.size() - kCrcDigits - 1 - kCommitIdDigits, kCommitIdDigits)};
  for (const char byte : *crc) found.directory_crc32 = found.directory_crc32 << 8 | static_cast<unsigned char>(byte);
  return found;
}

void KeptArtifacts::keep(const fs::path& artifact, const std::string& commit_id, std::uint32_t directory_crc32) const {
  std::error_code failed;
  char crc[kCrcDigits + 1];
  std::snprintf(crc, sizeof crc, "%08x", directory_crc32);
  const std::string name = prefix_ + make_uuid_v7(SystemClock()) + "-" + commit_id + "-" + crc + std::string(kSuffix);
  fs::create_hard_link(artifact, folder_ / name, failed);
}

void KeptArtifacts::remove_older() const noexcept {
  try {
    std::vector<fs::path> files = sorted_files(folder_, prefix_);
    if (files.empty()) return;
    files.pop_back();
    std::error_code failed;
    for (const fs::path& file : files) fs::remove(file, failed);
  } catch (const std::exception&) {
    // The next one tries again.
  }
}

void KeptArtifacts::remove(const KeptArtifact& artifact) const noexcept {
  std::error_code failed;
  fs::remove(artifact.file, failed);
}

}  // namespace penstock::jobs
