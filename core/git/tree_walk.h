// The files below a tree one by one, in the order of their paths. Private to this module.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/git/libgit2.h"
#include "core/git/mirror.h"
#include "core/git/tree.h"

namespace penstock::git {

// Without recursion, and holding no more than the folders from the root to the current entry. Error{kInvalidInput,
// "UnsafeTreeEntry"} naming the entry for names that no artifact may contain; kInvalidInput above the limits, which are
// far above any repository that people work with, and low enough that a crafted one (a tree of trees that are all the
// same tree, a few KB in all) cannot use up the machine.
class TreeCursor {
 public:
  // Gives a tree's object; `folder` is its path, empty or ending in '/'.
  using ReadTree = std::function<OdbObjectHandle(const git_oid& id, const std::string& folder)>;
  struct Options {
    std::function<bool(const std::string& folder, const std::string& attributes_id)> on_folder{};  // see WalkOptions
    // Compared with an earlier tree on the way: a folder that is the same in both comes as one entry, and is not looked
    // into. `read_earlier` gives nothing for what is not there any more; all below that is then as if it were new.
    std::optional<git_oid> earlier{};
    ReadTree read_earlier{};
  };
  TreeCursor(const git_oid& root, ReadTree read, Options options);

  std::optional<TreeEntry> next();
  const std::vector<std::string>& case_clashes() const noexcept { return case_clashes_; }

 private:
  // A tree object and its entries, in the order of their paths.
  struct Listing {
    OdbObjectHandle object;  // holds what the entries view
    std::vector<RawTreeEntry> entries;
  };
  struct Folder {
    std::string prefix;
    Listing now, earlier;
    std::size_t position = 0;
  };
  void enter(const git_oid& id, const git_oid* earlier, std::string prefix);
  bool is_wanted(const Folder& folder) const;
  void note_case_clashes(const Folder& folder);
  static Listing list(OdbObjectHandle object);

  const ReadTree read_;
  const Options options_;
  std::vector<std::string> case_clashes_;
  bool unchanged_ = false;       // as a whole
  std::vector<Folder> folders_;  // from the root to the current one
  std::size_t folder_count_ = 0, file_count_ = 0, path_bytes_ = 0;
};

// Views into the object. Error{kInvalidInput} for bytes that are no tree.
std::vector<RawTreeEntry> entries_of(const OdbObjectHandle& tree);
// The entry of that name. Null when there is none.
const RawTreeEntry* find_entry(const std::vector<RawTreeEntry>& entries, std::string_view name) noexcept;
git_oid id_from_bytes(std::string_view bytes);  // 20
git_oid id_from_hex(const std::string& text);   // Error{kInvalidInput}
std::string id_text(const git_oid& id);
// Error{kInvalidInput, "UnsafeTreeEntry"} for what is neither file, link nor submodule.
EntryKind kind_of_mode(std::uint32_t mode, const std::string& path);

}  // namespace penstock::git
