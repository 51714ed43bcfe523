#include <iostream>

#include "core/base/error.h"
#include "core/json/document.h"
#include "core/json/jsonpath.h"
#include "core/json/query_output.h"
#include "server/command_line.h"

namespace penstock::server {

int run_jsonpath(const std::string& query, const std::filesystem::path& document) {
  std::optional<json::JsonPath> path;
  try {
    path = json::JsonPath::compile(query);
  } catch (const Error& error) {
    std::cerr << "penstock: invalid query: " << error.what() << "\n";
    return kExitBadQuery;
  }
  try {
    std::cout << json::query_to_json(*path, read_input(document)) << "\n";
  } catch (const Error& error) {
    std::cerr << "penstock: " << error.what() << "\n";
    return kExitFailure;
  }
  return kExitSuccess;
}

}  // namespace penstock::server
