// From an action's configuration to the repository's address. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace penstock::azure {

using Configuration = std::map<std::string, std::string>;

// Fills {Key} with the configuration's values, each percent-encoded as one path segment: names of projects and
// repositories may hold spaces and anything else. A value that is percent-encoded already ("My%20Shop") stays as it is.
// At the very start of the template a value that is itself an https or ssh URL ("https://dev.azure.com/org") is taken
// as one, without user information, query and fragment.
// Error{kConfiguration} for an unknown key (naming those that exist), an empty value, "." and "..", a lone brace.
std::string expand_remote(std::string_view remote_template, const Configuration& configuration);

// The same for names of branches: values are put in as they are. "main" becomes refs/heads/main, refs/… stays.
// Error{kConfiguration} also when the result cannot be a ref's name (git-check-ref-format).
std::string expand_branch(std::string_view branch_template, const Configuration& configuration);

// "refs/heads/main" -> "main"; tags and others without "refs/".
std::string short_ref_name(std::string_view ref);

// What Azure DevOps shows at a remote: "Project/Repo" (or "Repo" when the project has the same name), decoded. For
// other servers the path without ".git". Knows dev.azure.com, ORG.visualstudio.com with and without DefaultCollection,
// their ssh addresses, and Azure DevOps Server: [FOLDER/]COLLECTION[/PROJECT]/_git/REPO, over https and ssh. Without a
// project, a folder must be called "tfs" or the collection "DefaultCollection" to be told from a collection and a
// project.
std::string full_repository_name(std::string_view remote);
// The last part of it.
std::string repository_name(std::string_view remote);

// The page of a commit for people: for Azure DevOps over https, and for ssh addresses of Azure DevOps Services; empty
// otherwise. Without user information.
std::string commit_page(std::string_view remote, std::string_view commit_id);

}  // namespace penstock::azure
