#include "core/archive/output_file.h"

#include <cerrno>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::size_t kBufferBytes = 1u << 20;
constexpr std::size_t kDirectBytes = kBufferBytes / 4;  // written without being copied first

}  // namespace

OutputFile::OutputFile(std::filesystem::path path)
    : path_(std::move(path)), doing_("writing " + in_quotes(path_.native())), temporary_(path_.native() + ".XXXXXX") {
  fd_ = UniqueFd(::mkostemp(temporary_.data(), O_CLOEXEC));
  if (!fd_) throw_errno(doing_, errno);
  buffer_.reserve(kBufferBytes);
}

OutputFile::~OutputFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void OutputFile::append(std::string_view data) {
  if (buffer_.size() + data.size() > kBufferBytes) flush();
  if (data.size() >= kDirectBytes) {
    flush();
    write_fully(data);
  } else {
    buffer_ += data;
  }
}

void OutputFile::commit() {
  flush();
  if (::fchmod(fd_.get(), 0600) != 0) throw_errno(doing_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_errno(doing_, errno);
  committed_ = true;
}

void OutputFile::flush() {
  write_fully(buffer_);
  buffer_.clear();
}

void OutputFile::write_fully(std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd_.get(), data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_errno(doing_, errno);
    }
    data.remove_prefix(static_cast<std::size_t>(written));
    flushed_ += static_cast<std::uint64_t>(written);
  }
}

}  // namespace penstock::archive
