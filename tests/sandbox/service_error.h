// An answer that a service gives instead of a result; each protocol has its own way to write it.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace penstock::sandbox {

struct ServiceError : std::runtime_error {
  ServiceError(int http_status, std::string error_code, const std::string& message)
      : std::runtime_error(message), status(http_status), code(std::move(error_code)) {}

  ServiceError&& with(std::string name, std::string value) && {
    details.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }

  int status;
  std::string code;
  std::vector<std::pair<std::string, std::string>> details;  // further members of the S3 error document
};

}  // namespace penstock::sandbox
