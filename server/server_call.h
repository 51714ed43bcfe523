// Calls of the command line to a running server's API.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace penstock::server {

struct ServerCall {
  std::string server;             // "https://penstock.example.com"
  std::filesystem::path ca_file;  // PEM; empty = SSL_CERT_FILE, else the system's
  std::string path;               // percent-encoded, with a slash in front
  std::string body;               // JSON; may be empty
  std::string doing;              // "redelivering "ID"", for messages
  std::string_view scope;         // that the token needs, for messages
};

// POSTs with the token of PENSTOCK_TOKEN. A 202 is printed on stdout, anything else said on stderr; returns the exit
// code. Errors of the transport.
int call_server(const ServerCall& call);

}  // namespace penstock::server
