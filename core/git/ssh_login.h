// What ssh needs to log in with one key and to accept one server, kept where nothing outlives the job.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/secret.h"

namespace penstock::git {

// The key's text as ssh wants it: LF line ends, a newline at the end, no white space around. Error{kConfiguration} when
// it is no private key, or one that needs a passphrase (nobody is there to type it).
Secret normalized_private_key(const Secret& key);

// known_hosts lines with LF line ends and a newline at the end. Error{kConfiguration} when there is none.
std::string normalized_known_hosts(std::string_view lines);

// The key, the host keys and ssh's configuration as files in memory (memfd), which ssh opens through
// /proc/OUR-PID/fd/N.
//
// Why so: a key file in a folder stays behind when this process is killed; an agent needs a process and a socket of its
// own, and offers more than the key; ssh closes every inherited descriptor when it starts (closefrom), so /proc/self/fd
// cannot be used, and it opens the key more than once, so a pipe cannot. A memfd has no name, is never on disk, and is
// gone with the process. Only the same user can open it, who could read our memory just as well.
//
// A process that is not dumpable (it was started with file capabilities, or asked for it) hides its descriptors from
// its own children; then the files are in a private folder, on tmpfs where there is one, and remove_stale_ssh_folders()
// cleans up after a kill.
class SshLogin {
 public:
  SshLogin(const Secret& private_key, std::string_view known_hosts);
  // For GIT_SSH_COMMAND, which a shell reads: made of our own digits and fixed words only.
  std::string command() const;

 private:
  // Returns the path under which a child finds it.
  std::string add_file(const char* name, std::string_view content);

  std::vector<UniqueFd> files_;
  std::optional<TemporaryDirectory> folder_;
  std::string configuration_path_;
};

// Folders of processes that are gone.
void remove_stale_ssh_folders() noexcept;

}  // namespace penstock::git
