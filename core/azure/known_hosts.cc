#include "core/azure/known_hosts.h"

namespace penstock::azure {
namespace {

constexpr const char* kHostKey =
    "ssh-rsa "
    "AAAAB3NzaC1yc2EAAAADAQABAAABAQC7Hr1oTWqNqOlzGJOfGJ4NakVyIzf1rXYd4d7wo6jBlkLvCA4odBlL0mDUyZ0/QUfTTqeu"
    "+tm22gOsv+VrVTMk6vwRU75gY/y9ut5Mb3bR5BV58dKXyq9A9UeB5Cakehn5Zgm6x1mKoVyf+FFn26iYqXJRgzIZZcZ5V6hrE0Qg"
    "39kZm4az48o0AUbf6Sp4SLdvnuMa2sVNwHBboS7EJkm57XQPVU3/QpyNLHbWDdzwtrlS+ez30S3AdYhLKEOxAG8weOnyrtLJAUen"
    "9mTkol8oII1edf7mWWbWVf0nBmly21+nZcmCTISQBtdcyPaEno7fFQMDD26/s0lfKob4Kw8H";

}  // namespace

std::string known_hosts() {
  return std::string("ssh.dev.azure.com ") + kHostKey + "\nvs-ssh.visualstudio.com " + kHostKey + "\n";
}

}  // namespace penstock::azure
