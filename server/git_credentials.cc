#include "server/git_credentials.h"

#include <algorithm>

#include "core/azure/authorization.h"
#include "core/azure/known_hosts.h"
#include "core/base/certificate.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::server {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::size_t kMaxTokenBytes = 64u << 10;

std::string known_hosts_text(const std::string& setting) {
  if (setting == "azure-devops") return azure::known_hosts();
  if (setting.starts_with("file:")) return read_file(setting.substr(5), 1u << 20);
  return setting.ends_with('\n') ? setting : setting + "\n";
}

}  // namespace

Secret decode_private_key(const Secret& stored, std::string_view credential_name) {
  const std::string_view text = trim(stored.reveal());
  if (text.starts_with(kBegin)) return Secret(std::string(text) + "\n");
  std::string compact;
  std::copy_if(text.begin(), text.end(), std::back_inserter(compact), [](char c) { return c != '\n' && c != '\r'; });
  auto decoded = from_base64(compact);
  wipe(compact);
  if (!decoded || !trim(*decoded).starts_with(kBegin)) {
    throw Error(ErrorKind::kConfiguration, "reading the private key of the credential " + in_quotes(credential_name) +
                                               ": expected a PEM or OpenSSH key, or base64 of one");
  }
  Secret key(std::string(trim(*decoded)) + "\n");
  wipe(*decoded);
  return key;
}

GitCredentials::GitCredentials(aws::SecretResolver& secrets, std::shared_ptr<http::HttpTransport> transport,
                               const Clock& clock)
    : secrets_(secrets), transport_(std::move(transport)), clock_(clock) {}

void GitCredentials::set(const std::vector<config::Credential>& credentials) {
  std::map<std::string, Known> former;
  {
    std::lock_guard lock(mutex_);
    former = known_;
  }
  std::map<std::string, Known> known;
  for (const config::Credential& credential : credentials) {
    // What has not changed keeps its token.
    if (const auto same = former.find(credential.name); same != former.end() && same->second.credential == credential) {
      known.insert(*same);
      continue;
    }
    Known entry{credential, nullptr};
    if (const auto* entra = std::get_if<config::EntraCredential>(&credential.value)) {
      azure::EntraTokens::Options options;
      options.tenant_id = entra->tenant_id;
      options.client_id = entra->client_id;
      options.authority = entra->authority;
      options.proof = proof_of(*entra);
      entry.entra = std::make_shared<azure::EntraTokens>(options, transport_, clock_);
    }
    known.emplace(credential.name, std::move(entry));
  }
  std::lock_guard lock(mutex_);
  known_ = std::move(known);
}

azure::EntraTokens::Proof GitCredentials::proof_of(const config::EntraCredential& entra) {
  struct Visitor {
    GitCredentials& self;
    azure::EntraTokens::Proof operator()(const config::EntraClientSecret& secret) const {
      return azure::EntraTokens::ClientSecret{
          [&secrets = self.secrets_, reference = secret.secret] { return secrets.resolve(reference); }};
    }
    azure::EntraTokens::Proof operator()(const config::EntraCertificate& certificate) const {
      return azure::EntraTokens::ClientCertificate{[&secrets = self.secrets_, reference = certificate.pem] {
        return aws::decode_pem_secret(secrets.resolve(reference));
      }};
    }
    azure::EntraTokens::Proof operator()(const config::EntraFederatedToken& token) const {
      // Its writer replaces it before it ends, so it is never kept.
      return azure::EntraTokens::FederatedToken{
          [file = token.file] { return Secret(read_file(file, kMaxTokenBytes)); }};
    }
  };
  return std::visit(Visitor{*this}, entra.proof);
}

GitCredentials::Known GitCredentials::find(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = known_.find(name);
  if (found == known_.end()) {
    throw Error(ErrorKind::kConfiguration, "looking up the credential " + in_quotes(name) + ": it is not configured");
  }
  return found->second;
}

Secret GitCredentials::resolve(const SecretReference& reference, jobs::CredentialUse use) {
  if (use == jobs::CredentialUse::kAnew) secrets_.forget(reference);
  return secrets_.resolve(reference);
}

git::Credential GitCredentials::get(const std::string& name, jobs::CredentialUse use) {
  if (name.empty()) return git::NoCredential{};
  const Known known = find(name);
  struct Visitor {
    GitCredentials& self;
    const Known& known;
    jobs::CredentialUse use;
    git::Credential operator()(const config::PatCredential& pat) const {
      return git::HttpHeaderCredential{azure::authorization_for_pat(self.resolve(pat.token, use))};
    }
    git::Credential operator()(const config::SshKeyCredential& ssh) const {
      return git::SshKeyCredential{decode_private_key(self.resolve(ssh.private_key, use), known.credential.name),
                                   known_hosts_text(ssh.known_hosts)};
    }
    git::Credential operator()(const config::EntraCredential& entra) const {
      if (use == jobs::CredentialUse::kAnew) {
        if (const auto* secret = std::get_if<config::EntraClientSecret>(&entra.proof)) {
          self.secrets_.forget(secret->secret);
        } else if (const auto* certificate = std::get_if<config::EntraCertificate>(&entra.proof)) {
          self.secrets_.forget(certificate->pem);
        }
        known.entra->forget();
      }
      return git::HttpHeaderCredential{azure::authorization_for_bearer(known.entra->get())};
    }
  };
  return std::visit(Visitor{*this, known, use}, known.credential.value);
}

std::vector<CredentialExpiry> GitCredentials::expiries() {
  std::vector<config::Credential> credentials;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, known] : known_) credentials.push_back(known.credential);
  }
  std::vector<CredentialExpiry> found;
  for (const config::Credential& credential : credentials) {
    const auto* entra = std::get_if<config::EntraCredential>(&credential.value);
    const auto* certificate = entra != nullptr ? std::get_if<config::EntraCertificate>(&entra->proof) : nullptr;
    if (credential.expires) {
      found.push_back({credential.name, *credential.expires});
    } else if (certificate != nullptr) {
      try {
        const SigningCertificate signer(aws::decode_pem_secret(secrets_.resolve(certificate->pem)));
        found.push_back({credential.name, signer.certificate().not_after});
      } catch (const Error&) {
        // The job that needs it says what is wrong.
      }
    }
  }
  return found;
}

}  // namespace penstock::server
