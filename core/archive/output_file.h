// The file that an archive is written to: beside its final place, renamed when it is complete, gone otherwise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/handle.h"

namespace penstock::archive {

// Not synced to disk: an artifact can be made again, and a crash leaves none. Errors of files.h. Not thread-safe.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void append(std::string_view data);
  // What was appended can then be read from the file.
  void flush();
  std::uint64_t size() const noexcept { return flushed_ + buffer_.size(); }

  // Its name until commit().
  const std::string& temporary_path() const noexcept { return temporary_; }
  // Gives the file its final name.
  void commit();

 private:
  void write_fully(std::string_view data);

  const std::filesystem::path path_;
  const std::string doing_;
  std::string temporary_;
  UniqueFd fd_;
  std::string buffer_;
  std::uint64_t flushed_ = 0;
  bool committed_ = false;
};

}  // namespace penstock::archive
