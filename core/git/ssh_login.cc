#include "core/git/ssh_login.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::git {
namespace {

constexpr std::size_t kMaxKeyBytes = 64 << 10;

[[noreturn]] void refuse_key(std::string_view cause) {
  throw Error(ErrorKind::kConfiguration, "reading the SSH private key: " + std::string(cause))
      .with_code("SshKeyUnusable");
}

std::string with_unix_lines(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 1);
  for (const char c : trim(text)) {
    if (c != '\r') result += c;
  }
  result += '\n';
  return result;
}

// The cipher in "openssh-key-v1\0" + string ciphername (PROTOCOL.key of OpenSSH); "none" = unencrypted.
bool is_encrypted_openssh(std::string_view base64_lines) {
  std::string base64;
  for (const char c : base64_lines) {
    if (c != '\n') base64 += c;
  }
  auto decoded = from_base64(base64);
  if (!decoded) refuse_key("the text between its BEGIN and END lines is damaged");
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  const std::string_view bytes = *decoded;
  const bool none =
      bytes.starts_with(kMagic) && bytes.substr(kMagic.size()).starts_with(std::string_view("\0\0\0\4none", 8));
  wipe(*decoded);
  wipe(base64);
  return !none;
}

constexpr std::string_view kFolderPrefix = "penstock-ssh-";

std::filesystem::path folder_parent() {
  std::error_code ignored;
  const std::filesystem::path tmpfs = "/dev/shm";
  return std::filesystem::is_directory(tmpfs, ignored) && ::access(tmpfs.c_str(), W_OK) == 0
             ? tmpfs
             : std::filesystem::temp_directory_path();
}

void write_all(const UniqueFd& fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("writing a file for ssh", errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string configuration_text(const std::string& key, const std::string& known_hosts) {
  // Given with -F, this file is the only one that ssh reads: not the user's, not the system's. DEBUG1 makes ssh print
  // the fingerprint of a host key that it does not know; its other lines are dropped.
  return "Host *\n"
         "  IdentityFile " +
         key +
         "\n"
         "  IdentitiesOnly yes\n"
         "  IdentityAgent none\n"
         "  CertificateFile none\n"
         "  UserKnownHostsFile " +
         known_hosts +
         "\n"
         "  GlobalKnownHostsFile /dev/null\n"
         "  StrictHostKeyChecking yes\n"
         "  UpdateHostKeys no\n"
         "  VerifyHostKeyDNS no\n"
         "  CheckHostIP no\n"
         "  BatchMode yes\n"
         "  PreferredAuthentications publickey\n"
         "  PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
         "ecdsa-sha2-nistp521\n"
         "  ConnectTimeout 20\n"
         "  ServerAliveInterval 30\n"
         "  ServerAliveCountMax 4\n"
         "  ControlMaster no\n"
         "  ControlPath none\n"
         "  ForwardAgent no\n"
         "  ClearAllForwardings yes\n"
         "  PermitLocalCommand no\n"
         "  EscapeChar none\n"
         "  RequestTTY no\n"
         "  LogLevel DEBUG1\n";
}

}  // namespace

Secret normalized_private_key(const Secret& key) {
  if (key.reveal().size() > kMaxKeyBytes) refuse_key("it is too long to be one");
  Secret result(with_unix_lines(key.reveal()));
  const std::string_view text = result.reveal();
  constexpr std::string_view kBegin = "-----BEGIN ", kKeyEnd = "PRIVATE KEY-----\n";
  const auto header_end = text.find('\n');
  const std::string_view header = text.substr(0, header_end + 1);
  if (!header.starts_with(kBegin) || !header.ends_with(kKeyEnd)) {
    if (text.starts_with("ssh-") || text.starts_with("ecdsa-")) refuse_key("this is a public key");
    if (text.starts_with("PuTTY-User-Key-File"))
      refuse_key("this is PuTTY's form; convert it with puttygen to OpenSSH's");
    refuse_key("expected text that begins with -----BEGIN … PRIVATE KEY-----");
  }
  const auto footer = text.find("-----END ");
  if (footer == std::string_view::npos) refuse_key("the END line is missing; is it cut off?");
  constexpr std::string_view kRemedy =
      "it is protected by a passphrase; store an unprotected copy (`ssh-keygen -p -N '' -f KEYFILE`)";
  if (header.find("ENCRYPTED") != std::string_view::npos ||
      text.find("\nProc-Type: 4,ENCRYPTED") != std::string_view::npos)
    refuse_key(kRemedy);
  if (header.find("OPENSSH") != std::string_view::npos &&
      is_encrypted_openssh(text.substr(header_end + 1, footer - header_end - 1)))
    refuse_key(kRemedy);
  return result;
}

std::string normalized_known_hosts(std::string_view lines) {
  std::string result = with_unix_lines(lines);
  for (const std::string& line : split(result, '\n')) {
    if (!trim(line).empty() && trim(line).front() != '#') return result;
  }
  throw Error(ErrorKind::kConfiguration,
              "reading `knownHosts`: there is no line; without the server's host key no SSH connection is made")
      .with_code("HostKeyUnknown");
}

SshLogin::SshLogin(const Secret& private_key, std::string_view known_hosts) {
  if (::prctl(PR_GET_DUMPABLE) != 1)
    folder_.emplace(folder_parent(), std::string(kFolderPrefix) + std::to_string(::getpid()) + "-");
  const std::string key_path = add_file("key", normalized_private_key(private_key).reveal());
  const std::string hosts_path = add_file("known-hosts", normalized_known_hosts(known_hosts));
  configuration_path_ = add_file("config", configuration_text(key_path, hosts_path));
}

std::string SshLogin::add_file(const char* name, std::string_view content) {
  const std::string path = folder_ ? (folder_->path() / name).native() : "";
  const int opened =
      folder_ ? ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : ::memfd_create(name, MFD_CLOEXEC);
  if (opened < 0) throw_errno("making a file for ssh", errno);
  UniqueFd fd(opened);
  // ssh refuses a key that others may read, and a memfd starts as 0777.
  if (::fchmod(fd.get(), 0600) != 0) throw_errno("making a file for ssh", errno);
  write_all(fd, content);
  if (folder_) return path;
  files_.push_back(std::move(fd));
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(files_.back().get());
}

std::string SshLogin::command() const {
  return "exec ssh -F " + configuration_path_;
}

void remove_stale_ssh_folders() noexcept {
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder_parent(), ignored), end; entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().native();
    if (!name.starts_with(kFolderPrefix)) continue;
    const std::string_view rest = std::string_view(name).substr(kFolderPrefix.size());
    const auto pid = parse_unsigned(rest.substr(0, rest.find('-')));
    struct stat info {};
    if (!pid || ::lstat(entry->path().c_str(), &info) != 0 || info.st_uid != ::geteuid()) continue;
    if (::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry->path(), ignored);
  }
}

}  // namespace penstock::git
