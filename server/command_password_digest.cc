#include <iostream>
#include <string>

#include <termios.h>
#include <unistd.h>

#include "core/authz/password_digest.h"
#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/command_line.h"

namespace penstock::server {
namespace {

constexpr std::size_t kMostBytes = 1'000;

// Turns the terminal's echo off while it lives; without effect on what is no terminal.
class NoEcho {
 public:
  NoEcho() : active_(::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    std::cerr << "password: " << std::flush;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() {
    if (!active_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << "\n";
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  const bool active_;
};

}  // namespace

int run_password_digest() {
  std::string line;
  {
    const NoEcho quiet;
    std::getline(std::cin, line);
  }
  const Secret password(std::move(line));
  if (password.empty())
    throw Error(ErrorKind::kInvalidInput, "reading the password: expected a line on stdin, found none");
  if (password.reveal().size() > kMostBytes) {
    throw Error(ErrorKind::kInvalidInput, "reading the password: longer than 1000 bytes");
  }
  std::cout << authz::PasswordDigest::make(password.reveal()).to_string() << "\n";
  return kExitSuccess;
}

}  // namespace penstock::server
