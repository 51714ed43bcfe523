// The entries of an artifact, put together from a commit and from what it refers to: submodules, Git LFS objects, a
// `.git` folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive/archive.h"
#include "core/base/files.h"
#include "core/git/attributes.h"
#include "core/git/lfs.h"
#include "core/git/metadata.h"
#include "core/git/mirror.h"
#include "core/jobs/artifact_options.h"
#include "core/jobs/credential_rotation.h"
#include "core/jobs/path_selection.h"

namespace penstock::jobs {

// What a submodule is fetched with. Error{kConfiguration} when its address may not be fetched from.
using SubmoduleCredential = std::function<git::Credential(const std::string& remote, CredentialUse use)>;

// Not thread-safe, but for what contents() gives.
class SourceTree {
 public:
  struct Sources {
    git::Mirrors& mirrors;
    git::LfsObjects* lfs;                      // null = LFS cannot be had
    const git::FetchRequest& fetch;            // of the commit: remote, credential, time-out, stop, log
    SubmoduleCredential submodule_credential;  // null = submodules are fetched without
    std::filesystem::path scratch;             // where a temporary folder may be made
  };
  // Fetches what the commit refers to: blocks. All must outlive it. Errors of Mirrors::fetch, LfsObjects::fetch and
  // read_submodules, with the submodule's path; kConfiguration for a subdirectory that the commit does not have, and
  // for what cannot be fetched as configured.
  SourceTree(const Sources& sources, const ArtifactOptions& options, git::Snapshot snapshot);
  ~SourceTree();

  // Whether the artifact of an earlier commit can be taken over folder by folder: when a folder's content depends on
  // nothing but the folder.
  static bool can_compare(const ArtifactOptions& options) noexcept;

  // Begins with the first entry (again); compared with an earlier commit unless that is empty.
  void start(const std::string& since);
  // The next entry, in the order that archives have; nothing at the end. Error{kInvalidInput} for entries that no
  // artifact may contain, or that are to be refused.
  std::optional<archive::Entry> next();
  // Must not outlive the tree.
  archive::ContentReader contents() const;

  // Lines for the log: what a person should know about the entries so far.
  std::vector<std::string> warnings() const;

 private:
  struct Part;   // a repository: the commit's own, or a submodule
  struct Visit;  // a walk through a part

  void add_submodules(std::size_t parent, int depth);
  std::set<std::string> exported_submodules(std::size_t part) const;
  git::Credential credential_for(const std::string& remote, CredentialUse use) const;
  template <typename Call>
  void log_in(const std::string& remote, git::Credential& credential, const Call& call) const;
  void fetch_lfs();
  std::vector<git::LfsObject> collect_pointers(std::size_t part);
  void add_metadata();
  template <typename Call>
  static auto in_context_of(const Part& part, const Call& call);
  std::optional<git::TreeEntry> next_of(Visit& visit) const;
  std::unique_ptr<Visit> begin_visit(std::size_t part, const std::string& since) const;
  std::optional<archive::Entry> next_in_order();
  std::optional<archive::Entry> next_of_tree();
  static bool is_export_ignored(Visit& visit, const git::TreeEntry& entry);
  static archive::Entry entry_of(const Part& part, std::size_t index, git::TreeEntry found);
  void look_at_link(const Part& part, const archive::Entry& link);
  void warn(const std::string& warning);

  const Sources sources_;
  const ArtifactOptions options_;
  const std::string folder_;
  const PathSelection selection_;
  mutable std::mutex shared_mutex_;           // what several fetches at a time share: the log, the credentials' source
  std::vector<std::unique_ptr<Part>> parts_;  // the first is the commit itself
  std::map<std::string, std::size_t> part_of_submodule_;  // by path in the artifact
  std::optional<TemporaryDirectory> metadata_folder_;
  std::vector<git::MetadataEntry> metadata_;

  std::vector<std::unique_ptr<Visit>> visits_;  // the current one last
  std::size_t next_metadata_ = 0;
  std::optional<archive::Entry> held_back_;  // of the tree, until what comes before it is given out
  std::vector<std::string> warnings_;
  std::size_t unsaid_warnings_ = 0;
  bool has_entries_ = false;
};

}  // namespace penstock::jobs
