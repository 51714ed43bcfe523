#include "core/git/fetch_errors.h"

#include <array>
#include <initializer_list>
#include <vector>

#include "core/base/text.h"
#include "core/git/azure_codes.h"
#include "core/git/remote.h"

namespace penstock::git {
namespace {

using Fault = FetchFault;

// Who can have written a line: what the server sends ("remote: …") must not be able to make us throw a mirror away.
enum class Speaker { kAny, kLocal };

struct Rule {
  Fault fault;
  Speaker speaker;
  std::string_view text;  // lower case; '*' stands for anything
};

// In the order of precedence: the first rule that some line matches wins, because one cause makes git print several
// lines and the general ones ("Could not read from remote repository") come with every cause.
constexpr auto kRules = std::to_array<Rule>({
    {Fault::kHostKeyChanged, Speaker::kLocal, "remote host identification has changed"},
    {Fault::kHostKeyUnknown, Speaker::kLocal, "host key is known for"},
    {Fault::kHostKeyUnknown, Speaker::kLocal, "host key verification failed"},
    {Fault::kSshNegotiation, Speaker::kAny, "error_ssh_unsupported_cipher"},
    {Fault::kSshNegotiation, Speaker::kAny, "using ssh-rsa that is about to be deprecated"},
    {Fault::kSshNegotiation, Speaker::kLocal, "unable to negotiate with"},
    {Fault::kSshNegotiation, Speaker::kLocal, "no mutual signature"},
    {Fault::kSshKeyUnusable, Speaker::kLocal, "load key*"},
    {Fault::kSshKeyUnusable, Speaker::kLocal, "unprotected private key file"},
    {Fault::kRateLimited, Speaker::kLocal, "returned error: 429"},
    {Fault::kUnauthenticated, Speaker::kAny, "public key authentication failed"},
    {Fault::kUnauthenticated, Speaker::kLocal, "permission denied (*publickey"},
    {Fault::kUnauthenticated, Speaker::kLocal, "permission denied (*password"},
    {Fault::kUnauthenticated, Speaker::kLocal, "permission denied (keyboard-interactive"},
    {Fault::kUnauthenticated, Speaker::kLocal, "too many authentication failures"},
    {Fault::kUnauthenticated, Speaker::kLocal, "authentication failed for"},
    {Fault::kUnauthenticated, Speaker::kLocal, "returned error: 401"},
    {Fault::kUnauthenticated, Speaker::kLocal, "could not read username"},
    {Fault::kUnauthenticated, Speaker::kLocal, "could not read password"},
    {Fault::kUnauthenticated, Speaker::kLocal, "terminal prompts disabled"},
    {Fault::kForbidden, Speaker::kLocal, "returned error: 403"},
    {Fault::kProxy, Speaker::kLocal, "returned error: 407"},
    {Fault::kProxy, Speaker::kLocal, "response 407"},
    {Fault::kProxy, Speaker::kLocal, "could not resolve proxy"},
    {Fault::kProxy, Speaker::kLocal, "from proxy after connect"},
    {Fault::kProxy, Speaker::kLocal, "unsupported proxy"},
    {Fault::kSignInPage, Speaker::kLocal, "returned error: 302"},
    {Fault::kSignInPage, Speaker::kLocal, "returned error: 303"},
    {Fault::kSignInPage, Speaker::kLocal, "returned error: 203"},
    {Fault::kMoved, Speaker::kLocal, "returned error: 301"},
    {Fault::kMoved, Speaker::kLocal, "returned error: 307"},
    {Fault::kMoved, Speaker::kLocal, "returned error: 308"},
    {Fault::kMoved, Speaker::kLocal, "unable to update url base from redirection"},
    {Fault::kSignInPage, Speaker::kLocal, "is this a git repository?"},
    {Fault::kSignInPage, Speaker::kLocal, "unexpected http content-type"},
    // What git makes of a 200 or 203 with a page of one line: a server of the old "dumb" kind.
    {Fault::kSignInPage, Speaker::kLocal, "dumb http transport"},
    {Fault::kIdRefused, Speaker::kAny, "not our ref"},
    {Fault::kIdRefused, Speaker::kAny, "request for unadvertised object"},
    // A commit is asked for, and the repository is empty.
    {Fault::kIdRefused, Speaker::kLocal, "no matching remote head"},
    {Fault::kRefMissing, Speaker::kLocal, "couldn't find remote ref"},
    {Fault::kRefMissing, Speaker::kLocal, "could not find remote ref"},
    {Fault::kRefMissing, Speaker::kLocal, "no such remote ref"},
    {Fault::kObjectFormat, Speaker::kLocal, "mismatched algorithms"},
    {Fault::kObjectFormat, Speaker::kLocal, "unknown object format"},
    {Fault::kObjectFormat, Speaker::kLocal, "the server does not support algorithm"},
    {Fault::kRepositoryMissing, Speaker::kLocal, "fatal: repository '*' not found"},
    {Fault::kRepositoryMissing, Speaker::kLocal, "returned error: 404"},
    {Fault::kRepositoryMissing, Speaker::kLocal, "returned error: 410"},
    {Fault::kRepositoryMissing, Speaker::kAny, "does not appear to be a git repository"},
    {Fault::kRepositoryMissing, Speaker::kAny, "not a git repository"},
    {Fault::kRepositoryMissing, Speaker::kAny, "repository not found"},
    {Fault::kRepositoryMissing, Speaker::kAny, "repository does not exist"},
    {Fault::kRepositoryMissing, Speaker::kAny, "project you were looking for could not be found"},
    {Fault::kNameUnresolved, Speaker::kLocal, "could not resolve host"},
    {Fault::kNameUnresolved, Speaker::kLocal, "name or service not known"},
    {Fault::kNameUnresolved, Speaker::kLocal, "temporary failure in name resolution"},
    {Fault::kNameUnresolved, Speaker::kLocal, "no address associated with hostname"},
    {Fault::kCertificate, Speaker::kLocal, "server certificate verification failed"},
    {Fault::kCertificate, Speaker::kLocal, "ssl certificate problem"},
    {Fault::kCertificate, Speaker::kLocal, "certificate subject name"},
    {Fault::kCertificate, Speaker::kLocal, "no alternative certificate subject name matches"},
    {Fault::kCertificate, Speaker::kLocal, "certificate has expired"},
    {Fault::kCertificate, Speaker::kLocal, "unable to get local issuer certificate"},
    {Fault::kCertificate, Speaker::kLocal, "peer certificate cannot be authenticated"},
    {Fault::kCertificate, Speaker::kLocal, "problem with the ssl ca cert"},
    {Fault::kCertificate, Speaker::kLocal, "error setting certificate"},
    {Fault::kCertificate, Speaker::kLocal, "error reading ca cert file"},
    {Fault::kDiskFull, Speaker::kLocal, "no space left on device"},
    {Fault::kDiskFull, Speaker::kLocal, "disk quota exceeded"},
    {Fault::kDiskFull, Speaker::kLocal, "file too large"},
    {Fault::kDiskFull, Speaker::kLocal, "cannot allocate memory"},
    {Fault::kDiskFull, Speaker::kLocal, "out of memory"},
    {Fault::kStaleLock, Speaker::kLocal, ".lock': file exists"},
    {Fault::kStaleLock, Speaker::kLocal, "another git process seems to be running"},
    {Fault::kStaleLock, Speaker::kLocal, "shallow file has changed since we read it"},
    {Fault::kMalformedObjects, Speaker::kLocal, "empty filename in tree entry"},
    {Fault::kMalformedObjects, Speaker::kLocal, "malformed mode in tree entry"},
    {Fault::kMalformedObjects, Speaker::kLocal, "too-short tree"},
    {Fault::kMalformedObjects, Speaker::kAny, "possible repository corruption on the remote side"},
    {Fault::kServerFault, Speaker::kLocal, "returned error: 5"},
    {Fault::kUnreachable, Speaker::kLocal, "connection refused"},
    {Fault::kUnreachable, Speaker::kLocal, "connection timed out"},
    {Fault::kUnreachable, Speaker::kLocal, "failed to connect"},
    {Fault::kUnreachable, Speaker::kLocal, "couldn't connect to server"},
    {Fault::kUnreachable, Speaker::kLocal, "connection reset"},
    {Fault::kUnreachable, Speaker::kLocal, "connection closed by"},
    {Fault::kUnreachable, Speaker::kLocal, "connection to * closed"},
    {Fault::kUnreachable, Speaker::kLocal, "operation timed out"},
    {Fault::kUnreachable, Speaker::kLocal, "operation too slow"},
    {Fault::kUnreachable, Speaker::kLocal, "network is unreachable"},
    {Fault::kUnreachable, Speaker::kLocal, "no route to host"},
    {Fault::kUnreachable, Speaker::kLocal, "timeout, server * not responding"},
    {Fault::kUnreachable, Speaker::kLocal, "broken pipe"},
    {Fault::kUnreachable, Speaker::kLocal, "kex_exchange_identification"},
    {Fault::kUnreachable, Speaker::kLocal, "banner exchange"},
    {Fault::kUnreachable, Speaker::kLocal, "empty reply from server"},
    {Fault::kUnreachable, Speaker::kLocal, "transfer closed with"},
    {Fault::kUnreachable, Speaker::kLocal, "gnutls"},
    {Fault::kUnreachable, Speaker::kLocal, "tls connect error"},
    {Fault::kUnreachable, Speaker::kLocal, "ssl_error"},
    {Fault::kUnreachable, Speaker::kLocal, "ssl routines"},
    // Somebody killed one of git's own processes; what git then says of missing objects is no damage.
    {Fault::kUnknown, Speaker::kLocal, "died of signal"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "unresolved delta"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "object file * is empty"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "loose object * is corrupt"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "object corrupt or missing"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packed object * is corrupt"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "hash mismatch"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "sha1 mismatch"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "bad object"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "bad tree object"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "missing blob object"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "unable to read tree"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "unable to parse object"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "unable to unpack"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "did not send all necessary objects"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "inflate: data stream error"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * does not match index"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * is not a git packfile"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * is far too short"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * cannot be"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * claims to have"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "packfile * signature mismatch"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "index file * is"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "wrong index v2 file"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "non-monotonic index"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "bad shallow line"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "bad config"},
    {Fault::kMirrorDamaged, Speaker::kLocal, "cannot lock ref"},
    {Fault::kLocalPermission, Speaker::kLocal, "unable to create * permission denied"},
    {Fault::kLocalPermission, Speaker::kLocal, "could not open * permission denied"},
    {Fault::kLocalPermission, Speaker::kLocal, "cannot open * permission denied"},
    {Fault::kLocalPermission, Speaker::kLocal, "insufficient permission for adding an object"},
    {Fault::kLocalPermission, Speaker::kLocal, "read-only file system"},
    {Fault::kLocalPermission, Speaker::kLocal, "dubious ownership"},
    {Fault::kProtocol, Speaker::kLocal, "transport '*' not allowed"},
    {Fault::kProtocol, Speaker::kLocal, "protocol '*' is not supported"},
    {Fault::kUnreachable, Speaker::kLocal, "rpc failed"},
    {Fault::kUnreachable, Speaker::kLocal, "early eof"},
    {Fault::kUnreachable, Speaker::kLocal, "unexpected disconnect"},
    {Fault::kUnreachable, Speaker::kLocal, "hung up unexpectedly"},
    {Fault::kUnreachable, Speaker::kLocal, "could not read from remote repository"},
});

// `pattern` somewhere in `text`; the parts between stars in their order. Linear for the one star that the table has.
bool contains(std::string_view text, std::string_view pattern) noexcept {
  while (true) {
    const auto star = pattern.find('*');
    const std::string_view part = pattern.substr(0, star);
    const auto found = text.find(part);
    if (found == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    text.remove_prefix(found + part.size());
    pattern.remove_prefix(star + 1);
  }
}

struct Line {
  std::string_view text;
  std::string lower;
  bool from_server = false;
};

std::vector<Line> read_lines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const auto end = text.find_first_of("\r\n");
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with("debug1:")) continue;
    lines.push_back({line, to_lower(line), line.starts_with("remote:")});
  }
  return lines;
}

std::string find_fingerprint(std::string_view text) {
  // ssh's own report of the key, printed with LogLevel DEBUG1; the warning about a changed key also has one.
  const auto report = text.find("Server host key:");
  const auto at = text.find("SHA256:", report == std::string_view::npos ? 0 : report);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = text.substr(at, 7 + 43);
  const auto end = rest.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/:");
  return std::string(rest.substr(0, end));
}

// The line for a person when no rule matched: the last "fatal:" or "error:", else the last line.
std::string_view telling_line(const std::vector<Line>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->lower.starts_with("fatal:") || line->lower.starts_with("error:")) return line->text;
  }
  return lines.empty() ? "git printed nothing" : lines.back().text;
}

std::string offered_key(const FetchDiagnosis& diagnosis) {
  return diagnosis.fingerprint.empty() ? "" : " (it offered " + diagnosis.fingerprint + ")";
}

struct Wording {
  ErrorKind kind;
  std::string_view code;
  std::string text;
};

Wording word(const FetchDiagnosis& diagnosis) {
  switch (diagnosis.fault) {
    case Fault::kHostKeyChanged:
      return {ErrorKind::kPermission, "HostKeyMismatch",
              "the server's SSH host key is not the pinned one" + offered_key(diagnosis) +
                  "; if the server really has a new key, put it into `knownHosts` of the credential, else somebody is "
                  "in between"};
    case Fault::kHostKeyUnknown:
      return {ErrorKind::kPermission, "HostKeyUnknown",
              "the server's SSH host key is not in `knownHosts` of the credential" + offered_key(diagnosis) +
                  "; add the server's line after comparing its fingerprint (`ssh-keyscan HOST` prints it)"};
    case Fault::kSshKeyUnusable:
      return {ErrorKind::kConfiguration, "SshKeyUnusable",
              "the SSH private key cannot be used; store it unencrypted in OpenSSH or PEM form, whole, with its BEGIN "
              "and END lines"};
    case Fault::kSshNegotiation:
      return {ErrorKind::kConfiguration, "SshNegotiation",
              "client and server have no SSH algorithm in common; RSA keys are used with rsa-sha2-512 and rsa-sha2-256 "
              "only"};
    case Fault::kUnauthenticated:
      if (!diagnosis.had_credential) {
        return {ErrorKind::kUnauthenticated, "Unauthenticated",
                "the server asks for a login and no credential is configured; set `credentials` of the worker"};
      }
      return {ErrorKind::kUnauthenticated, "Unauthenticated",
              "the credential was refused; check that the token or key is right, has not expired or been revoked, and "
              "may read code (PAT scope Code: Read)"};
    case Fault::kSignInPage:
      return {
          ErrorKind::kUnauthenticated, "SignInPage",
          "the server answered with a web page in place of git's protocol; Azure DevOps does that when the token is "
          "missing, wrong or expired, other servers when the address is no repository"};
    case Fault::kForbidden:
      return {ErrorKind::kPermission, "Forbidden",
              "the credential may not read this repository; grant it Read on the repository (PAT scope Code: Read)"};
    case Fault::kPermissionMissing:
      return {ErrorKind::kPermission, "PermissionMissing",
              "the server knows this credential's identity, which may not read the repository"};
    case Fault::kRepositoryMissing:
      return {ErrorKind::kNotFound, "RepositoryNotFound",
              "the server knows no such repository, or hides it from this credential; check the names in the action's "
              "configuration (no .git at the end for Azure DevOps) and the credential's access"};
    case Fault::kMoved:
      return {ErrorKind::kConfiguration, "Moved",
              "the server redirects to another address, which is not followed with a credential; set the remote to the "
              "new address"};
    case Fault::kCertificate:
      return {ErrorKind::kConfiguration, "UntrustedCertificate",
              "the server's TLS certificate is not trusted; set `git.certificateAuthorities` to the certificate of the "
              "authority that issued it, or check the host name"};
    case Fault::kProxy:
      return {ErrorKind::kConfiguration, "Proxy",
              "the HTTP proxy refused or could not be reached; check the proxy's address and login"};
    case Fault::kRateLimited:
      return {ErrorKind::kRateLimited, "RateLimited", "the server asks to slow down"};
    case Fault::kNameUnresolved:
      return {ErrorKind::kUnavailable, "NameUnresolved", "the host name cannot be resolved"};
    case Fault::kUnreachable:
      return {ErrorKind::kUnavailable, "Unreachable", "the connection failed"};
    case Fault::kServerFault:
      return {ErrorKind::kUnavailable, "ServerFault", "the server failed"};
    case Fault::kDiskFull:
      return {ErrorKind::kExhausted, "DiskFull", "no space or memory left on this machine"};
    case Fault::kLocalPermission:
      return {ErrorKind::kConfiguration, "LocalPermission",
              "the mirror's folder cannot be used; it must belong to the user that runs this program"};
    case Fault::kMalformedObjects:
      return {ErrorKind::kInvalidInput, "MalformedObjects",
              "the repository holds malformed objects; `git fsck` on the server names them"};
    case Fault::kObjectFormat:
      return {ErrorKind::kConfiguration, "ObjectFormat", "the repository uses SHA-256 object ids; only SHA-1 is known"};
    case Fault::kProtocol:
      return {ErrorKind::kConfiguration, "Protocol", "git cannot or may not use this protocol"};
    case Fault::kIdRefused:
      return {ErrorKind::kNotFound, "RevisionNotFound",
              "the server does not give out this commit; it was removed by a force push, or never pushed here"};
    case Fault::kRefMissing:
      return {ErrorKind::kNotFound, "RevisionNotFound", "the server has no such branch or tag"};
    case Fault::kMirrorDamaged:
      return {ErrorKind::kCorrupt, "MirrorDamaged", "the local mirror is damaged"};
    case Fault::kStaleLock:
      return {ErrorKind::kUnavailable, "StaleLock", "a lock file of an interrupted fetch is in the way"};
    case Fault::kUnknown:
      break;
  }
  return {ErrorKind::kUnavailable, "FetchFailed", "git fetch failed"};
}

}  // namespace

std::string printable_line(std::string_view line) {
  std::string text = without_user_info(line);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return truncate_utf8(trim(text), 300, 900);
}

FetchDiagnosis diagnose_fetch(std::string_view standard_error) {
  const std::vector<Line> lines = read_lines(standard_error);
  FetchDiagnosis diagnosis;
  diagnosis.detail = printable_line(telling_line(lines));
  // Azure DevOps's own code says more than git's words for its HTTP status.
  for (const Line& line : lines) {
    const std::string_view code = first_azure_code(line.text);
    const AzureCode* known = find_azure_code(code);
    if (diagnosis.azure_code.empty() || known != nullptr) diagnosis.azure_code = code;
    if (known == nullptr) continue;
    diagnosis.fault = known->fault;
    diagnosis.detail = printable_line(line.text);
    return diagnosis;
  }
  for (const Rule& rule : kRules) {
    for (const Line& line : lines) {
      if ((rule.speaker == Speaker::kLocal && line.from_server) || !contains(line.lower, rule.text)) continue;
      diagnosis.fault = rule.fault;
      diagnosis.detail = printable_line(line.text);
      if (rule.fault == Fault::kHostKeyChanged || rule.fault == Fault::kHostKeyUnknown)
        diagnosis.fingerprint = find_fingerprint(standard_error);
      return diagnosis;
    }
  }
  return diagnosis;
}

Error make_fetch_error(const FetchDiagnosis& diagnosis, std::string_view remote) {
  const Wording wording = word(diagnosis);
  std::string text = "fetching " + in_quotes(without_user_info(remote)) + ": " + wording.text;
  if (const AzureCode* known = find_azure_code(diagnosis.azure_code)) {
    text += "; " + diagnosis.azure_code + ": " + std::string(known->meaning);
  }
  if (!diagnosis.detail.empty()) text += " [" + diagnosis.detail + "]";
  Error error(wording.kind, text);
  error.with_code(std::string(wording.code));
  return error;
}

}  // namespace penstock::git
