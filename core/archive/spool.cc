#include "core/archive/spool.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::size_t kMemoryBytes = 1u << 20;

}  // namespace

Spool::Spool(std::filesystem::path folder)
    : folder_(std::move(folder)), doing_("writing a temporary file in " + in_quotes(folder_.native())) {}

void Spool::append(std::string_view data) {
  if (buffer_.size() + data.size() > kMemoryBytes) spill();
  buffer_ += data;
}

void Spool::spill() {
  if (!file_) {
    // mkostemp() puts a random name in the place of the last six letters. It is gone at once: O_TMPFILE, which needs no
    // name, is not known to every file system.
    std::string name = (folder_ / "spool.XXXXXX").native();
    file_ = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (!file_) throw_errno(doing_, errno);
    ::unlink(name.c_str());
  }
  for (std::string_view rest = buffer_; !rest.empty();) {
    const ssize_t written = ::pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(spilled_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno(doing_, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
    spilled_ += static_cast<std::uint64_t>(written);
  }
  buffer_.clear();
}

void Spool::read(const std::function<void(std::string_view)>& piece) const {
  std::string bytes;
  for (std::uint64_t offset = 0; offset < spilled_;) {
    bytes.resize(std::min<std::uint64_t>(kMemoryBytes, spilled_ - offset));
    const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(doing_, errno);
    if (got == 0) throw Error(ErrorKind::kCorrupt, doing_ + ": it became shorter");
    piece(std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
  }
  if (!buffer_.empty()) piece(buffer_);
}

}  // namespace penstock::archive
