// GET and POST of a signupPath: from the console's request to the form, and from the form back to the console.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/failed_attempts.h"
#include "core/base/seal.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/jobs/client_tokens.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "server/form_tokens.h"
#include "server/request_policy.h"
#include "server/signup/pending.h"

namespace penstock::server::signup {

// One third-party action type as its page sees it.
struct Subject {
  std::string action_type;  // "Test/ThirdParty/LoadTest/1"
  std::string provider;
  std::string confirmation_url;
  std::vector<config::ThirdPartyProperty> properties;
  std::shared_ptr<const Sealer> sealer;
};

// By signupPath.
using Subjects = std::map<std::string, Subject>;

struct Parts {
  store::Store& store;
  jobs::ClientTokens& tokens;
  const CurrentPolicy& policy;
  const FormTokens& form_tokens;
  const Clock& clock;
  const telemetry::Log& log;
};

// Thread-safe.
class SignUpRoutes {
 public:
  explicit SignUpRoutes(Parts parts) : parts_(parts) {}

  // Paths that were not there when add_to() was called come into effect with the next start.
  void set_subjects(Subjects subjects);
  // The listener must not outlive this.
  void add_to(listener::Listener& listener);

  struct Counts {
    std::atomic<std::uint64_t> begun{0}, completed{0}, refused{0};
  };
  const Counts& counts() const noexcept { return counts_; }

 private:
  struct Origin;
  listener::Response answer(const listener::Request& request);
  listener::Response begin(const listener::Request& request, const std::string& path, const Subject& subject,
                           const std::string& json);
  listener::Response show(const listener::Request& request, const std::string& path, const Subject& subject);
  listener::Response submit(const listener::Request& request, const std::string& path, const Subject& subject,
                            const std::vector<std::pair<std::string, std::string>>& fields);
  listener::Response refuse(int status, std::string_view title, std::string_view text);
  bool is_within_limit(const listener::Request& request);

  const Parts parts_;
  std::mutex mutex_;
  std::shared_ptr<const Subjects> subjects_ = std::make_shared<const Subjects>();  // guarded by mutex_
  PendingRequests pending_;
  // Twenty at once, then one every ten seconds, for each network.
  FailedAttempts attempts_{{.burst = 20, .per_second = 0.1}};
  Counts counts_;
};

// The address to go back to, and what of it a page's policy must name.
std::string confirmation_address(const Subject& subject, const std::string& region, const std::string& request_id,
                                 const std::vector<std::pair<std::string, std::string>>& configuration);
std::string confirmation_origin(const Subject& subject, const std::string& region);

}  // namespace penstock::server::signup
