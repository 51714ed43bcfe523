#include "core/jobs/credential_policy.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::jobs {

bool may_another_credential_help(const Error& error) noexcept {
  if (error.kind() == ErrorKind::kUnauthenticated) return true;
  const std::string_view code = error.code();
  return code == "Forbidden" || code == "RepositoryNotFound" || code == "LfsNotFound" || code == "SshKeyUnusable" ||
         code == "CredentialUnsuitable";
}

bool is_same_credential(const git::Credential& a, const git::Credential& b) noexcept {
  if (const auto* header = std::get_if<git::HttpHeaderCredential>(&a)) {
    const auto* other = std::get_if<git::HttpHeaderCredential>(&b);
    return other != nullptr && header->authorization.equals(other->authorization.reveal());
  }
  if (const auto* key = std::get_if<git::SshKeyCredential>(&a)) {
    const auto* other = std::get_if<git::SshKeyCredential>(&b);
    return other != nullptr && key->private_key.equals(other->private_key.reveal()) &&
           key->known_hosts == other->known_hosts;
  }
  return std::holds_alternative<git::NoCredential>(b);
}

std::string_view cause_of_refusal(const Error& error) noexcept {
  const std::string_view text = error.what();
  if (!text.starts_with("fetching \"")) return text;
  const auto end = text.find("\": ");
  return end == std::string_view::npos ? text : text.substr(end + 3);
}

Error all_refused(std::string_view remote, const std::vector<CredentialRefusal>& refusals) {
  std::string text = "fetching " + in_quotes(remote) + ": none of the " + std::to_string(refusals.size()) +
                     " credentials was accepted";
  int number = 0;
  for (const CredentialRefusal& refusal : refusals) {
    text += (number == 0 ? ": (" : "; (") + std::to_string(number + 1) + ") " + in_quotes(refusal.name) + ": " +
            std::string(cause_of_refusal(refusal.error));
    ++number;
  }
  const Error& first = refusals.front().error;
  const bool alike = std::all_of(refusals.begin(), refusals.end(), [&](const CredentialRefusal& refusal) {
    return refusal.error.kind() == first.kind() && refusal.error.code() == first.code();
  });
  return alike ? Error(first.kind(), text).with_code(first.code())
               : Error(ErrorKind::kUnauthenticated, text).with_code("Unauthenticated");
}

}  // namespace penstock::jobs
