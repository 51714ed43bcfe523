// What a commit says about its submodules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::git {

class Snapshot;

struct Submodule {
  std::string path;  // of its entry in the tree
  std::string url;   // as .gitmodules has it, perhaps relative
};

// What .gitmodules lists, complete entries only; empty when there is no such file. Blocks for a short run of git.
// Error{kInvalidInput} when it cannot be understood, or lists too many.
std::vector<Submodule> read_submodules(const Snapshot& snapshot);

// The address of a submodule: "./" and "../" are resolved against that of the repository that it is in, as git does it.
// Pure. Error{kInvalidInput} when they lead above the host.
std::string submodule_remote(std::string_view parent_remote, std::string_view url);

}  // namespace penstock::git
