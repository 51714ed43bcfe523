// The store's records in the JSON shapes of the history API.
#pragma once

#include <string>

#include "core/json/json.h"
#include "core/store/records.h"

namespace penstock::server {

json::Json delivery_summary(const store::Delivery& delivery);
// With decisions and the request.
json::Json delivery_whole(const store::Delivery& delivery);
json::Json job_to_json(const store::Job& job);
// The same as a line of an export, without its end.
std::string delivery_line(const store::Delivery& delivery);
std::string job_line(const store::Job& job);

}  // namespace penstock::server
