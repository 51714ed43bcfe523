#include <cstdlib>
#include <iostream>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"
#include "server/command_line.h"
#include "server/wiring.h"

namespace penstock::server {

int run_redeliver(const std::string& delivery_id, const std::string& server, const std::filesystem::path& ca_file) {
  const char* token = std::getenv("PENSTOCK_TOKEN");
  if (token == nullptr || *token == '\0') {
    throw Error(ErrorKind::kInvalidInput,
                "redelivering: set PENSTOCK_TOKEN to a token with the scope history.redeliver");
  }
  std::string base = server;
  while (base.ends_with('/')) base.pop_back();

  http::CurlTransport::Options options;
  options.ca_file = ca_file.empty() ? environment_variable("SSL_CERT_FILE").value_or("") : ca_file.native();
  http::CurlTransport transport(options);
  http::Request request;
  request.method = "POST";
  request.url = base + "/api/v1/deliveries/" + percent_encode(delivery_id) + "/redeliver";
  request.headers.add("Authorization", "Bearer " + std::string(token));
  request.headers.add("Content-Type", "application/json");
  const http::Response response = transport.send(request);
  if (response.status == 202) {
    std::cout << response.body << "\n";
    return kExitSuccess;
  }
  std::string detail;
  try {
    detail = json::string_or(json::parse_json(response.body, "the answer"), "detail");
  } catch (const Error&) {
    detail = truncate_utf8(response.body, 200, 800);
  }
  std::cerr << "penstock: redelivering " << in_quotes(delivery_id) << ": HTTP " << response.status
            << (detail.empty() ? "" : ", " + detail) << "\n";
  return kExitFailure;
}

}  // namespace penstock::server
