// The artifact that was made last of a remote, kept so that the next one can take over what has not changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::jobs {

struct KeptArtifact {
  std::filesystem::path file;
  std::string commit_id;              // it holds exactly that commit, under the options that it was kept for
  std::uint32_t directory_crc32 = 0;  // as write_archive() told
};

// In a remote's folder, one line of artifacts for each set of options. Several jobs and processes may use the same:
// what they find may be gone when they open it, and is then not there. Never throws: what cannot be kept is made again.
class KeptArtifacts {
 public:
  // `options` says all that the content of an artifact depends on, besides the commit.
  KeptArtifacts(std::filesystem::path folder, std::string_view options);

  std::optional<KeptArtifact> newest() const;
  // As another name of the same file, without a copy; not at all when that cannot be, as on another disk.
  void keep(const std::filesystem::path& artifact, const std::string& commit_id, std::uint32_t directory_crc32) const;
  // All but the newest. Takes a while for large ones.
  void remove_older() const noexcept;
  void remove(const KeptArtifact& artifact) const noexcept;

 private:
  const std::filesystem::path folder_;
  const std::string prefix_;
};

}  // namespace penstock::jobs
