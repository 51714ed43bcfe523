// Addresses of git repositories: taken apart, checked, and put together again without what must not be seen.
#pragma once

#include <string>
#include <string_view>

namespace penstock::git {

enum class Scheme { kHttps, kHttp, kSsh, kFile };

// Pure value.
struct Remote {
  Scheme scheme = Scheme::kHttps;
  bool scp_form = false;  // git@host:path
  std::string user;       // ssh only; dropped for http(s), where the credential says who we are
  std::string host;       // lower case, IPv6 without brackets; empty for files
  std::string port;       // empty = the scheme's own
  std::string path;  // as written (https and ssh: percent-encoded where needed), with its leading '/' if it had one

  // What git is given. Holds no secret.
  std::string for_git() const;
  // The same text for all spellings of one remote: no user, no default port, no trailing slash.
  std::string normalized() const;
  // "https://host:port/": the scope of `http.<url>.*` settings.
  std::string origin() const;
};

// Accepts https://, http://, ssh://, git@host:path, file:// and absolute paths. Error{kConfiguration} for anything
// else, for a password in the address, and for what could be taken for an option.
Remote parse_remote(std::string_view text);

// "localhost", 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view host) noexcept;

// The text without "user:password@" after a scheme, for messages and logs.
std::string without_user_info(std::string_view text);

// A full name ("refs/heads/main", "HEAD") that git would accept and that cannot be taken for an option or a pattern.
bool is_ref_name(std::string_view name) noexcept;

// 40 hexadecimal digits.
bool is_object_id(std::string_view text) noexcept;

}  // namespace penstock::git
