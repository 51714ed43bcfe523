// What is answered to a webhook request, before it is HTTP.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/store/records.h"

namespace penstock::intake {

struct HookAnswer {
  int status = 200;         // 200, 400, 401, 403, 404, 503
  std::string delivery_id;  // empty when nothing was stored
  std::optional<store::Outcome> outcome;
  std::vector<std::string> matched;  // names of the webhooks whose filters all passed
  std::string reason;
  std::string decisions_json;  // of a dry run: the `decisions` array of the history API; else empty
  std::optional<std::chrono::seconds> retry_after;  // with 503
  // The address fails to prove who it is too often: each further try shall cost it a new connection.
  bool close_connection = false;
  bool is_repetition = false;  // of a redelivery that was made moments ago: this is that one's answer
};
// {"deliveryId":…,"outcome":…,"matched":[…],"reason":…}, with "decisions" for a dry run: the body of a 200.
std::string to_json(const HookAnswer& answer);

}  // namespace penstock::intake
