// What a Snapshot is made of; shared by snapshot.cc and mirror.cc.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/git/libgit2.h"
#include "core/git/mirror.h"
#include "core/git/tree_walk.h"

namespace penstock::git {

// A mirror's folder with this file in it is thrown away by the next fetch.
inline constexpr std::string_view kDamagedMarker = "penstock-damaged";

struct Snapshot::State {
  // Opens the repository and finds the commit that `revision` (a commit or tag id) stands for. Error{kNotFound} when it
  // is not there, kCorrupt when it cannot be read, kInvalidInput when it is no commit.
  State(std::filesystem::path mirror_folder, const std::string& revision);

  void open_objects() const;
  // The object's bytes. Error{kCorrupt} when it is missing or broken; the mirror is then marked.
  OdbObjectHandle read(const git_oid& id, std::string_view what) const;
  // An object that may be missing: nothing then, or when it is broken or of another type.
  OdbObjectHandle find(const git_oid& id, git_object_t type) const;
  // The root of another commit; nothing when that is not here.
  std::optional<git_oid> tree_of(const std::string& commit_id) const;
  // By read(); must not outlive this.
  TreeCursor::ReadTree tree_reader() const;
  [[noreturn]] void fail(Error error) const;

  LibraryUse library;
  std::filesystem::path folder;
  std::string requested;
  mutable RepositoryHandle repository;
  mutable OdbHandle odb;
  Commit commit;
  History history;
  std::string base;
};

}  // namespace penstock::git
