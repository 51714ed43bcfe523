// The SSH host keys of Azure DevOps Services, so that nobody has to trust the first key that answers.
//
// One RSA key for both host names; fingerprint SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og, as published at
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
#pragma once

#include <string>

namespace penstock::azure {

// known_hosts lines for ssh.dev.azure.com and vs-ssh.visualstudio.com.
std::string known_hosts();

}  // namespace penstock::azure
