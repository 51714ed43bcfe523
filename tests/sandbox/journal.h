// What survives a restart: a file of JSON lines, each a record's newest value. Compacted when it is opened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/handle.h"
#include "core/json/json.h"

namespace penstock::sandbox {

// Thread-safe. put() and remove() reach the kernel with the next flush(), so that a killed process loses nothing that
// it has answered; they are not synced to the disk.
class Journal {
 public:
  // Without a path nothing is kept.
  explicit Journal(const std::optional<std::filesystem::path>& path);

  // Every live record, in the order of first appearance.
  void load(const std::function<void(std::string_view kind, const json::Json& value)>& visit);
  void put(std::string_view kind, std::string_view id, const json::Json& value);
  void remove(std::string_view kind, std::string_view id);
  void flush();

 private:
  std::optional<std::filesystem::path> path_;
  std::mutex mutex_;
  UniqueFd fd_;
  std::string pending_;
};

}  // namespace penstock::sandbox
