// The OpenAPI 3.1 description that GET /openapi.json serves.
#pragma once

#include <string_view>

namespace penstock::server {

extern const std::string_view kOpenApi;

}  // namespace penstock::server
