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
// Written when a mirror has been pruned: the size of its packs then.
inline constexpr std::string_view kPrunedNote = "penstock-pruned";

// When the mirror was pruned last; the clock's beginning when it never was.
std::filesystem::file_time_type pruned_at(const std::filesystem::path& mirror) noexcept;

// Something of the mirror is missing or broken for a reader that began when it was last pruned at `pruned`. Throws
// Error{kUnavailable} when the mirror was replaced or pruned since, for then a new fetch has it; else marks the mirror
// and throws Error{kCorrupt}.
[[noreturn]] void fail_damaged(const std::filesystem::path& mirror, std::filesystem::file_time_type pruned,
                               const std::string& message);

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

  std::filesystem::path folder;
  std::filesystem::file_time_type pruned;  // when it was opened
  std::string requested;
  mutable RepositoryHandle repository;
  mutable OdbHandle odb;
  Commit commit;
  History history;
  std::string base;
};

}  // namespace penstock::git
