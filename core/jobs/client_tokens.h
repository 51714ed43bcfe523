// The client tokens of third-party actions: kept sealed, opened only for the length of a call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/seal.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"

namespace penstock::jobs {

// Whoever a token is for: a client of CodePipeline and one of our action types.
struct Client {
  std::string action_type;  // "Test/ThirdParty/LoadTest/1"
  std::string id;
};

// Thread-safe. A sealed token opens for its own client alone, so that swapped rows of the history are of no use.
class ClientTokens {
 public:
  ClientTokens(store::Store& store, const Clock& clock, const telemetry::Log& log);

  // Keys of each action type. When they are new, sign-ups under others than the first of their type are sealed anew,
  // now; what cannot be opened stays as it is. Troubles go to the log. Blocks on the store.
  void set_keys(std::map<std::string, std::shared_ptr<const Sealer>> keys);

  struct SignUp {
    Client client;
    std::string region, pipeline, stage, action;
    std::string request_digest;
  };
  // Error{kConflict} when the request was used before; Error{kConfiguration} for an action type without a key.
  void add(const SignUp& sign_up, const Secret& token);

  struct Candidate {
    std::int64_t number = 0;
    std::string sealed;
    bool confirmed = false;
  };
  // The most likely to be good first; none for an unknown client.
  std::vector<Candidate> candidates(const Client& client) const;
  // Errors of Sealer::open; Error{kConfiguration} for an action type without a key.
  Secret open(const Client& client, const Candidate& candidate) const;
  // CodePipeline has taken it.
  void confirm(const Candidate& candidate);

 private:
  std::shared_ptr<const Sealer> sealer_of(const std::string& action_type) const;
  void seal_anew();

  store::Store& store_;
  const Clock& clock_;
  const telemetry::Log& log_;
  std::mutex adding_;  // one token is added once
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Sealer>> keys_;  // guarded by mutex_
};

}  // namespace penstock::jobs
