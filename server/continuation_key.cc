#include "server/continuation_key.h"

#include <cerrno>
#include <span>

#include <sys/stat.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/jobs/continuation_tokens.h"

namespace penstock::server {
namespace {

constexpr std::size_t kKeyBytes = 32, kMaxFileBytes = 4096;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(ErrorKind::kConfiguration, "reading " + in_quotes(file.native()) + ": " + why);
}

}  // namespace

ContinuationKey load_continuation_key(const std::filesystem::path& data_directory) {
  const std::filesystem::path file = data_directory / "continuation.key";
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) {
    if (errno != ENOENT) throw_errno("reading " + in_quotes(file.native()), errno);
    std::string bytes(kKeyBytes, '\0');
    fill_random(std::as_writable_bytes(std::span(bytes)));
    std::string text = to_base64(bytes) + "\n";
    write_file_atomically(file, text, 0600);
    wipe(text);
    wipe(bytes);
  } else if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0) {
    refuse(file, "it is to be a file that its owner alone may read (mode 0600)");
  }
  std::string text = read_file(file, kMaxFileBytes);
  std::string bytes = from_base64(trim(text)).value_or("");
  wipe(text);
  if (bytes.size() != kKeyBytes) {
    refuse(file, "it holds no key; remove it to have a new one made (actions that wait for their next job then fail)");
  }
  ContinuationKey key;
  key.node = hash(HashAlgorithm::kSha256, "penstock node" + bytes).substr(0, jobs::ContinuationTokens::kNodeBytes);
  key.key = Secret(std::move(bytes));
  return key;
}

}  // namespace penstock::server
