// The store's records in the JSON shapes of the history API.
#pragma once

#include "core/json/json.h"
#include "core/store/records.h"

namespace penstock::server {

json::Json delivery_summary(const store::Delivery& delivery);
// With decisions and the request.
json::Json delivery_whole(const store::Delivery& delivery);
json::Json job_to_json(const store::Job& job);

}  // namespace penstock::server
