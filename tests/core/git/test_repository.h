// Real repositories for tests, made by the system's git with fixed dates and authors.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/files.h"
#include "core/git/mirror.h"

namespace penstock::git {

// A bare repository in a temporary folder.
class TestRepository {
 public:
  TestRepository();

  const std::filesystem::path& path() const { return path_; }
  std::string url() const { return "file://" + path_.native(); }

  // Standard output without the last line end; throws with git's words when it fails.
  std::string git(const std::vector<std::string>& arguments, std::string_view input = "") const;

  std::string blob(std::string_view content) const;
  // "100644", "100755", "120000", "040000", "160000"; names as they are, however wrong. Written as a raw object.
  struct Entry {
    std::string mode, name, id;
  };
  std::string tree(const std::vector<Entry>& entries) const;
  std::string commit(const std::string& tree_id, const std::vector<std::string>& parents = {},
                     const std::string& message = "a change") const;
  void set_branch(const std::string& name, const std::string& commit_id) const;

  // A commit with these files (path without slash, content) on top of what the branch has.
  std::string push(const std::string& branch, const std::vector<std::pair<std::string, std::string>>& files,
                   const std::string& message = "a change") const;

  // `count` commits to the branch, of a file "a" with the contents "0", "1", …; the oldest first.
  std::vector<std::string> push_many(const std::string& branch, int count) const;

 private:
  TemporaryDirectory folder_;
  std::filesystem::path path_;
};

// All that the snapshot's walk gives.
std::vector<TreeEntry> all_files(const Snapshot& snapshot);

}  // namespace penstock::git
