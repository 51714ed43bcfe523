#include "core/jobs/client_tokens.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

constexpr int kPage = 200;

// No member can hold the separator.
std::string context_of(const Client& client) {
  return "client token\n" + client.action_type + "\n" + client.id;
}

}  // namespace

ClientTokens::ClientTokens(store::Store& store, const Clock& clock, const telemetry::Log& log)
    : store_(store), clock_(clock), log_(log) {}

void ClientTokens::set_keys(std::map<std::string, std::shared_ptr<const Sealer>> keys) {
  {
    std::lock_guard lock(mutex_);
    const bool same = keys.size() == keys_.size() &&
                      std::equal(keys.begin(), keys.end(), keys_.begin(), [](const auto& a, const auto& b) {
                        return a.first == b.first && a.second->fingerprint() == b.second->fingerprint();
                      });
    keys_ = std::move(keys);
    if (same) return;
  }
  try {
    seal_anew();
  } catch (const Error& error) {
    log_.warning("sealing client tokens anew failed; the former key is still needed", {{"error", error.what()}});
  }
}

std::shared_ptr<const Sealer> ClientTokens::sealer_of(const std::string& action_type) const {
  std::lock_guard lock(mutex_);
  const auto found = keys_.find(action_type);
  if (found == keys_.end()) {
    throw Error(ErrorKind::kConfiguration, "opening a client token: there is no key for action type " + action_type);
  }
  return found->second;
}

void ClientTokens::seal_anew() {
  int sealed = 0, unreadable = 0;
  std::int64_t number = 0;
  for (;;) {
    const std::vector<store::SignUp> page = store_.sign_ups_after(number, kPage);
    for (const store::SignUp& sign_up : page) {
      number = sign_up.number;
      const Client client{sign_up.action_type, sign_up.client_id};
      try {
        const auto sealer = sealer_of(client.action_type);
        if (sealer->is_current(sign_up.sealed_token)) continue;
        const Secret token = sealer->open(sign_up.sealed_token, context_of(client));
        store_.replace_sealed_token(sign_up.number, sign_up.sealed_token,
                                    sealer->seal(token.reveal(), context_of(client)));
        ++sealed;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kConfiguration && error.kind() != ErrorKind::kCorrupt) throw;
        ++unreadable;
      }
    }
    if (page.size() < static_cast<std::size_t>(kPage)) break;
  }
  if (sealed > 0) log_.info("sealed client tokens with the first key; others may go", {{"tokens", sealed}});
  if (unreadable > 0) {
    log_.warning("client tokens cannot be opened; configure the key that they were sealed with",
                 {{"tokens", unreadable}});
  }
}

void ClientTokens::add(const SignUp& sign_up, const Secret& token) {
  const auto sealer = sealer_of(sign_up.client.action_type);
  std::lock_guard lock(adding_);
  store::NewSignUp row{.action_type = sign_up.client.action_type,
                       .client_id = sign_up.client.id,
                       .sealed_token = sealer->seal(token.reveal(), context_of(sign_up.client)),
                       .region = sign_up.region,
                       .pipeline = sign_up.pipeline,
                       .stage = sign_up.stage,
                       .action = sign_up.action,
                       .request_digest = sign_up.request_digest,
                       .known = std::nullopt,
                       .time = clock_.now()};
  for (const Candidate& candidate : candidates(sign_up.client)) {
    try {
      if (open(sign_up.client, candidate).equals(token.reveal())) row.known = candidate.number;
    } catch (const Error& error) {
      // Sealed with a key that is gone: it is of no use beside the new one.
      log_.warning("opening a client token failed", {{"client", sign_up.client.id}, {"error", error.what()}});
    }
  }
  store_.record_sign_up(row);
}

std::vector<ClientTokens::Candidate> ClientTokens::candidates(const Client& client) const {
  std::vector<Candidate> list;
  for (store::SignUp& sign_up : store_.sign_ups_of(client.action_type, client.id)) {
    list.push_back({sign_up.number, std::move(sign_up.sealed_token), sign_up.confirmed_at.has_value()});
  }
  return list;
}

Secret ClientTokens::open(const Client& client, const Candidate& candidate) const {
  return sealer_of(client.action_type)->open(candidate.sealed, context_of(client));
}

void ClientTokens::confirm(const Candidate& candidate) {
  if (!candidate.confirmed) store_.confirm_sign_up(candidate.number, clock_.now());
}

}  // namespace penstock::jobs
