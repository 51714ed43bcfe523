#include "server/pages/links.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/http/url.h"

namespace penstock::server::pages {
namespace {

// "https://dev.azure.com/org/project/_git/repo" as it may be linked to; empty for anything else.
std::string azure_repository(std::string_view remote_url) {
  const auto url = http::parse_url(remote_url);
  const bool is_known = url && url->scheme == "https" && url->has_default_port() &&
                        (url->host == "dev.azure.com" || url->host.ends_with(".visualstudio.com"));
  if (!is_known || url->path.find("/_git/") == std::string::npos) return "";
  return "https://" + url->host + url->path;
}

bool is_hexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return hex_digit_value(c) >= 0; });
}

}  // namespace

std::string ConsoleLinks::console() const {
  if (region_.empty()) return "";
  const std::string domain = region_.starts_with("cn-")       ? "console.amazonaws.cn"
                             : region_.starts_with("us-gov-") ? "console.amazonaws-us-gov.com"
                                                              : "console.aws.amazon.com";
  return "https://" + region_ + "." + domain + "/codesuite/codepipeline/pipelines/";
}

std::string ConsoleLinks::pipeline(std::string_view name) const {
  if (region_.empty() || name.empty()) return "";
  return console() + percent_encode(name) + "/view?region=" + region_;
}

std::string ConsoleLinks::execution(std::string_view pipeline, std::string_view id) const {
  if (region_.empty() || pipeline.empty() || id.empty()) return "";
  return console() + percent_encode(pipeline) + "/executions/" + percent_encode(id) + "/timeline?region=" + region_;
}

std::string azure_commit_page(std::string_view remote_url, std::string_view commit_id) {
  const bool is_commit = (commit_id.size() == 40 || commit_id.size() == 64) && is_hexadecimal(commit_id) &&
                         commit_id.find_first_not_of('0') != std::string_view::npos;
  const std::string repository = is_commit ? azure_repository(remote_url) : "";
  return repository.empty() ? "" : repository + "/commit/" + std::string(commit_id);
}

std::string azure_pull_request_page(std::string_view remote_url, std::string_view id) {
  const std::string repository = parse_unsigned(id) ? azure_repository(remote_url) : "";
  return repository.empty() ? "" : repository + "/pullrequest/" + std::string(id);
}

}  // namespace penstock::server::pages
