// What is in a mirror's packs at this moment, for those who hold its lock. Private to this module.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/git/commit_graph.h"
#include "core/git/libgit2.h"

namespace penstock::git {

class MirrorObjects {
 public:
  explicit MirrorObjects(const std::filesystem::path& mirror);

  bool have(const git_oid& id) const;
  // Error{kCorrupt} when it cannot be read, kInvalidInput when it is no commit.
  RawCommit read_commit(const git_oid& id) const;
  // The same by raw ids; nothing for what is not here. Must not outlive this.
  CommitGraph::ReadCommit commit_reader() const;

 private:
  OdbHandle database_;
};

}  // namespace penstock::git
