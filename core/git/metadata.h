// The `.git` folder for an artifact: what `git clone --depth N` would have left there, without a connection.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/git/history.h"

namespace penstock::git {

struct MetadataRequest {
  std::filesystem::path mirror{};  // whose objects are taken; need not be locked
  std::string commit_id{};
  History history{};
  std::string ref{};               // full name of what was built; empty = not known
  std::string remote{};            // its address
  std::filesystem::path folder{};  // empty or not there yet; becomes what ".git" is to hold
  std::chrono::milliseconds timeout{10 * 60 * 1000};
  std::stop_token stop{};
};

struct MetadataEntry {
  enum class Kind { kFile, kFolder };
  std::string path;  // below ".git", '/' between parts
  Kind kind = Kind::kFile;
};

// Writes the folder and gives what is in it, sorted by the bytes of the paths; folders only when they are empty and git
// needs them (which is why they belong into the artifact).
//
// A branch is checked out under its name, with its remote branch where the server had it, as `git clone --branch` does
// it: build tools ask for the name, and nothing is lost for those that only ask for the commit. Anything else is a
// detached HEAD. The index says nothing about the files' times and sizes, so that the first `git status` reads the
// files and finds them clean wherever they were unpacked; for the sake of unzip programs that know neither executable
// bits nor links, git is told not to look at those.
//
// The same request makes the same bytes (with the same git), whatever else the mirror holds. Nothing in it is a secret
// or a path of this machine. Blocks. Error{kCorrupt} when objects of the mirror cannot be read: the mirror is then
// marked, the next fetch replaces it; kUnavailable when it was replaced or pruned meanwhile; kTimeout, kCancelled,
// kExhausted.
std::vector<MetadataEntry> write_metadata(const MetadataRequest& request);

}  // namespace penstock::git
