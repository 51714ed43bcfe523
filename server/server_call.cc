#include "server/server_call.h"

#include <cstdlib>
#include <iostream>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"
#include "server/command_line.h"
#include "server/wiring.h"

namespace penstock::server {

int call_server(const ServerCall& call) {
  const char* token = std::getenv("PENSTOCK_TOKEN");
  if (token == nullptr || *token == '\0') {
    throw Error(ErrorKind::kInvalidInput,
                call.doing + ": set PENSTOCK_TOKEN to a token with the scope " + std::string(call.scope));
  }
  std::string base = call.server;
  while (base.ends_with('/')) base.pop_back();

  http::CurlTransport::Options options;
  options.ca_file = call.ca_file.empty() ? environment_variable("SSL_CERT_FILE").value_or("") : call.ca_file.native();
  http::CurlTransport transport(options);
  http::Request request;
  request.method = "POST";
  request.url = base + call.path;
  request.headers.add("Authorization", "Bearer " + std::string(token));
  request.headers.add("Content-Type", "application/json");
  request.body = call.body;
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
  std::cerr << "penstock: " << call.doing << ": HTTP " << response.status << (detail.empty() ? "" : ", " + detail)
            << "\n";
  return kExitFailure;
}

}  // namespace penstock::server
