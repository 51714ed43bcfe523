#include "core/git/tree_diff.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/git/tree.h"
#include "core/git/tree_walk.h"

namespace penstock::git {
namespace {

// A tree object and its entries, which view it.
struct Listing {
  OdbObjectHandle object;
  std::vector<RawTreeEntry> entries;
  std::size_t position = 0;

  const RawTreeEntry* current() const { return position < entries.size() ? &entries[position] : nullptr; }
};

struct Folder {
  std::string prefix;
  Listing earlier, now;
};

bool comes_before_in_git(const RawTreeEntry& a, const RawTreeEntry& b) {
  return comes_before(a, b, SubmodulesAs::kFiles);
}

// What git tells apart: 0664 is what early versions wrote for 0644.
std::uint32_t kind_of(const RawTreeEntry& entry) {
  const std::uint32_t type = entry.mode & 0170000;
  return type == 0100000 ? type | (entry.mode & 0100) : type;
}

class TreeDiff {
 public:
  TreeDiff(const std::function<OdbObjectHandle(const git_oid&, const std::string&)>& read, const PathLimits& limits,
           const std::stop_token& stop)
      : read_(read), limits_(limits), stop_(stop) {}

  ChangedPaths run(const std::optional<git_oid>& earlier, const git_oid& now) {
    if (!earlier || git_oid_equal(&*earlier, &now) == 0) enter("", earlier ? &*earlier : nullptr, &now);
    while (!folders_.empty() && !full_) step();
    result_.is_complete = !full_;
    return std::move(result_);
  }

 private:
  Listing list(const git_oid* id, const std::string& prefix) {
    if (id == nullptr) return {};
    Listing listing{.object = read_(*id, prefix), .entries = {}};
    listing.entries = entries_of(listing.object);
    if (!std::is_sorted(listing.entries.begin(), listing.entries.end(), comes_before_in_git))
      std::stable_sort(listing.entries.begin(), listing.entries.end(), comes_before_in_git);
    return listing;
  }

  void enter(std::string prefix, const git_oid* earlier, const git_oid* now) {
    if (stop_.stop_requested()) throw Error(ErrorKind::kCancelled, "comparing two commits: stopped");
    if (++folder_count_ > limits_.max_folders || prefix.size() > limits_.max_path_bytes) {
      full_ = true;
      return;
    }
    Folder folder{.prefix = std::move(prefix), .earlier = {}, .now = {}};
    folder.earlier = list(earlier, folder.prefix);
    folder.now = list(now, folder.prefix);
    folders_.push_back(std::move(folder));
  }

  // One entry of either side or both.
  void step() {
    Folder& folder = folders_.back();
    const RawTreeEntry* before = folder.earlier.current();
    const RawTreeEntry* after = folder.now.current();
    if (before == nullptr && after == nullptr) {
      folders_.pop_back();
      return;
    }
    if (before != nullptr && after != nullptr) {
      if (comes_before_in_git(*before, *after)) {
        after = nullptr;
      } else if (comes_before_in_git(*after, *before)) {
        before = nullptr;
      }
    }
    if (before != nullptr) ++folder.earlier.position;
    if (after != nullptr) ++folder.now.position;
    const RawTreeEntry& either = after != nullptr ? *after : *before;
    if (before != nullptr && after != nullptr && before->id == after->id && kind_of(*before) == kind_of(*after)) return;
    std::string path;
    path.reserve(folder.prefix.size() + either.name.size() + 1);
    path.append(folder.prefix).append(either.name);
    if (!is_folder(either)) {  // both are of one kind, for a folder and a file of one name do not compare as equal
      add(std::move(path));
      return;
    }
    const git_oid before_id = before != nullptr ? id_from_bytes(before->id) : git_oid{};
    const git_oid after_id = after != nullptr ? id_from_bytes(after->id) : git_oid{};
    path += '/';
    enter(std::move(path), before != nullptr ? &before_id : nullptr, after != nullptr ? &after_id : nullptr);
  }

  void add(std::string path) {
    path_bytes_ += path.size();
    if (result_.paths.size() >= limits_.max_paths || path_bytes_ > limits_.max_bytes ||
        path.size() > limits_.max_path_bytes) {
      full_ = true;
      return;
    }
    if (result_.paths.empty() || result_.paths.back() != path) result_.paths.push_back(std::move(path));
  }

  const std::function<OdbObjectHandle(const git_oid&, const std::string&)>& read_;
  const PathLimits& limits_;
  const std::stop_token& stop_;
  std::vector<Folder> folders_;  // from the root to the current one
  ChangedPaths result_;
  std::size_t folder_count_ = 0, path_bytes_ = 0;
  bool full_ = false;
};

}  // namespace

ChangedPaths diff_trees(const std::optional<git_oid>& earlier, const git_oid& now,
                        const std::function<OdbObjectHandle(const git_oid& id, const std::string& folder)>& read,
                        const PathLimits& limits, const std::stop_token& stop) {
  return TreeDiff(read, limits, stop).run(earlier, now);
}

}  // namespace penstock::git
