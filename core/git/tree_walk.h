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
  TreeCursor(const git_oid& root, ReadTree read);

  std::optional<TreeEntry> next();

 private:
  struct Folder {
    std::string prefix;
    OdbObjectHandle object;             // holds what the entries view
    std::vector<RawTreeEntry> entries;  // in the order of their paths
    std::size_t position = 0;
  };
  void enter(const git_oid& id, std::string prefix);

  const ReadTree read_;
  std::vector<Folder> folders_;  // from the root to the current one
  std::size_t folder_count_ = 0, file_count_ = 0, path_bytes_ = 0;
};

// Views into the object. Error{kInvalidInput} for bytes that are no tree.
std::vector<RawTreeEntry> entries_of(const OdbObjectHandle& tree);
bool is_folder(const RawTreeEntry& entry) noexcept;
git_oid id_from_bytes(std::string_view bytes);  // 20
git_oid id_from_hex(const std::string& text);   // Error{kInvalidInput}
std::string id_text(const git_oid& id);

}  // namespace penstock::git
