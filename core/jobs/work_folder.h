// The folders in which jobs work, and their end.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "core/telemetry/log.h"

namespace penstock::jobs {

// Removes a folder and all that is in it, whatever its modes and however deep it is; no link is followed. False when
// something could not be removed.
bool remove_tree(const std::filesystem::path& folder);

// Below one root, whose lock the guards of running commands hold. Thread-safe.
class WorkFolders {
 public:
  // `mode` of the root.
  explicit WorkFolders(std::filesystem::path root, unsigned mode = 0700);

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path lock() const { return root_ / ".lock"; }

  // Before the first job: makes the root, waits until no command of an earlier process runs any more, and removes what
  // it left. Error when the root cannot be made.
  void prepare(const telemetry::Log& log, std::chrono::milliseconds patience = std::chrono::seconds(30)) const;

 private:
  const std::filesystem::path root_;
  const unsigned mode_;
};

// One job's folder, empty at the beginning; gone with this object.
class WorkFolder {
 public:
  // `name` must be safe in a path. Error when it cannot be made.
  WorkFolder(const WorkFolders& folders, const std::string& name);
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder();

  const std::filesystem::path& path() const noexcept { return path_; }
  // Makes a folder below it.
  std::filesystem::path make(const std::filesystem::path& relative) const;

 private:
  const std::filesystem::path path_;
};

}  // namespace penstock::jobs
