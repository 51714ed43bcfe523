// Addresses in the consoles of others. Only hosts that are known to be theirs are linked to: what a payload says may
// lead anywhere.
#pragma once

#include <string>
#include <string_view>

namespace penstock::server::pages {

// The AWS console of one region; none (all links empty) for another end point than AWS's own.
class ConsoleLinks {
 public:
  ConsoleLinks() = default;
  explicit ConsoleLinks(std::string region) : region_(std::move(region)) {}
  std::string pipeline(std::string_view name) const;
  std::string execution(std::string_view pipeline, std::string_view id) const;

 private:
  std::string console() const;
  std::string region_;  // empty = no console
};

// The page of a commit in Azure DevOps; empty unless `remote_url` is a repository at dev.azure.com or
// *.visualstudio.com, and the commit's id has the form of one.
std::string azure_commit_page(std::string_view remote_url, std::string_view commit_id);
std::string azure_pull_request_page(std::string_view remote_url, std::string_view id);

}  // namespace penstock::server::pages
