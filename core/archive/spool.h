// Bytes that are gathered and then read back once: few of them in memory, more in a file without a name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/handle.h"

namespace penstock::archive {

// Not thread-safe. Errors of files.h.
class Spool {
 public:
  // The file is made in that folder when it is needed.
  explicit Spool(std::filesystem::path folder);
  void append(std::string_view data);
  std::uint64_t size() const noexcept { return spilled_ + buffer_.size(); }
  void read(const std::function<void(std::string_view)>& piece) const;

 private:
  void spill();

  const std::filesystem::path folder_;
  const std::string doing_;
  std::string buffer_;
  std::uint64_t spilled_ = 0;
  UniqueFd file_;
};

}  // namespace penstock::archive
