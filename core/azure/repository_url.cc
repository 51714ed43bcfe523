#include "core/azure/repository_url.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::azure {
namespace {

// Calls `value_of` for each {Key} and joins the pieces.
std::string expand(std::string_view text,
                   const std::function<std::string(const std::string& key, bool at_start)>& value_of) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') {
      throw Error(ErrorKind::kConfiguration, "expanding " + in_quotes(text) + ": a '}' without '{'");
    }
    if (text[i] != '{') {
      result.push_back(text[i]);
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos || end == i + 1) {
      throw Error(ErrorKind::kConfiguration, "expanding " + in_quotes(text) + ": a '{' without a key and '}'");
    }
    result += value_of(std::string(text.substr(i + 1, end - i - 1)), i == 0);
    i = end;
  }
  return result;
}

const std::string& value_of(std::string_view text, const Configuration& configuration, const std::string& key) {
  const auto found = configuration.find(key);
  if (found == configuration.end()) {
    std::string known;
    for (const auto& [name, value] : configuration) known += (known.empty() ? "" : ", ") + name;
    throw Error(ErrorKind::kConfiguration, "expanding " + in_quotes(text) + ": the action's configuration has no " +
                                               in_quotes(key) + "; it has " + (known.empty() ? "nothing" : known));
  }
  if (trim(found->second).empty()) {
    throw Error(ErrorKind::kConfiguration,
                "expanding " + in_quotes(text) + ": the action's configuration has an empty " + in_quotes(key));
  }
  return found->second;
}

bool is_url(std::string_view value) {
  return value.starts_with("https://") || value.starts_with("ssh://");
}

// scheme://host[:port]/path without user information, query, fragment and trailing slashes.
std::string clean_url(std::string_view text, std::string_view url) {
  const std::size_t authority = url.find("://") + 3;
  std::string_view rest = url.substr(authority);
  rest = rest.substr(0, rest.find_first_of("?#"));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t path = rest.find('/');
  std::string_view host = rest.substr(0, path);
  // ssh keeps its user: it is part of the address there.
  if (url.starts_with("https://") && host.find('@') != std::string_view::npos) host = host.substr(host.rfind('@') + 1);
  const std::string path_text(path == std::string_view::npos ? std::string_view() : rest.substr(path));
  if (host.empty() || host.find_first_of(" \t\r\n\\") != std::string_view::npos ||
      path_text.find("/../") != std::string::npos || path_text.ends_with("/..")) {
    throw Error(ErrorKind::kConfiguration,
                "expanding " + in_quotes(text) + ": expected a URL with a host, found " + in_quotes(url));
  }
  std::string encoded;
  for (const char c : path_text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += byte <= 0x20 || byte >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`'
                   ? percent_encode(std::string_view(&c, 1))
                   : std::string(1, c);
  }
  return std::string(url.substr(0, authority)) + std::string(host) + encoded;
}

std::string encode_segment(std::string_view text, const std::string& key, const std::string& value) {
  const std::optional<std::string> decoded = percent_decode(value);
  // A name with a '%' that is no escape, or with escapes that decode to something else than text, is taken literally.
  const bool encoded_already =
      decoded && *decoded != value && is_valid_utf8(*decoded) && value.find_first_of(" /") == std::string::npos;
  const std::string plain = encoded_already ? *decoded : value;
  if (plain == "." || plain == ".." || plain.find('\0') != std::string::npos) {
    throw Error(ErrorKind::kConfiguration, "expanding " + in_quotes(text) + ": the action's configuration has " +
                                               in_quotes(value) + " for " + in_quotes(key) + ", which is no name");
  }
  return percent_encode(plain);
}

// git-check-ref-format's rules, as far as they concern a whole name.
bool is_ref_name(std::string_view name) {
  if (name.empty() || name.size() > 1024 || name.starts_with('/') || name.starts_with('-') || name.ends_with('/') ||
      name.ends_with('.') || name.find("..") != std::string_view::npos || name.find("//") != std::string_view::npos ||
      name.find("@{") != std::string_view::npos) {
    return false;
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("~^:?*[\\").find(c) != std::string_view::npos) return false;
  }
  for (const std::string& part : split(name, '/')) {
    if (part.starts_with('.') || part.ends_with(".lock")) return false;
  }
  return true;
}

struct Address {
  std::string scheme, user, host;     // host: lower case, without port; scheme "ssh" for the form user@host:path
  std::string authority;              // host with port
  std::vector<std::string> segments;  // of the path, decoded
};

Address parse_address(std::string_view remote) {
  Address address;
  std::string_view authority, path;
  remote = remote.substr(0, remote.find_first_of("?#"));
  if (const std::size_t scheme = remote.find("://"); scheme != std::string_view::npos) {
    address.scheme = to_lower(remote.substr(0, scheme));
    const std::size_t slash = remote.find('/', scheme + 3);
    authority = remote.substr(scheme + 3, slash == std::string_view::npos ? slash : slash - scheme - 3);
    path = slash == std::string_view::npos ? std::string_view() : remote.substr(slash);
  } else if (const std::size_t colon = remote.find(':'); colon != std::string_view::npos) {
    address.scheme = "ssh";
    authority = remote.substr(0, colon);
    path = remote.substr(colon + 1);
  } else {
    path = remote;
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    address.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  address.authority = to_lower(authority);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  address.host = to_lower(authority.substr(0, colon));
  for (const std::string& segment : split(path, '/')) {
    if (!segment.empty()) address.segments.push_back(percent_decode(segment).value_or(segment));
  }
  return address;
}

// Where Azure DevOps (Services or Server) keeps a repository. `project` is empty where the address leaves it out, as it
// may when project and repository have one name.
struct AzurePlace {
  std::vector<std::string> base;  // what stands before the project: organization, or virtual folder and collection
  std::string project, repository;
};

bool is_default_collection(std::string_view segment) {
  return equals_ignoring_case(segment, "DefaultCollection");
}

// How many of the `before` segments in front of "_git" are not the project.
std::size_t base_size(const Address& address, const std::vector<std::string>& before) {
  if (address.host.ends_with(".visualstudio.com")) {
    // The organization is in the host, or for ssh in the user.
    return !before.empty() && is_default_collection(before.front()) ? 1 : 0;
  }
  if (address.host == "dev.azure.com") return std::min<std::size_t>(before.size(), 1);
  // Azure DevOps Server: [virtual folder/]collection[/project]. Two segments are a collection and a project, unless the
  // first is what the folder was always called, or the second is what the collection is called when nobody chose.
  if (before.size() == 2 && (equals_ignoring_case(before[0], "tfs") || is_default_collection(before[1]))) return 2;
  return before.size() <= 1 ? before.size() : before.size() - 1;
}

std::optional<AzurePlace> parse_azure_place(const Address& address) {
  const std::vector<std::string>& segments = address.segments;
  // ssh: v3/ORG/PROJECT/REPO, of the Services and of newer Servers
  if (address.scheme == "ssh" && segments.size() == 4 && segments[0] == "v3") {
    return AzurePlace{{segments[1]}, segments[2], segments[3]};
  }
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i] != "_git" && segments[i] != "_ssh") continue;
    // "_git/_full/REPO" and "_git/_optimized/REPO" choose what a clone brings along.
    const std::string& next = segments[i + 1];
    const bool has_mode = i + 2 < segments.size() && (next == "_full" || next == "_optimized");
    const std::vector<std::string> before(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(i));
    const std::size_t base = base_size(address, before);
    AzurePlace place;
    place.base.assign(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(base));
    if (base < before.size()) place.project = before.back();
    place.repository = has_mode ? segments[i + 2] : next;
    return place;
  }
  return std::nullopt;
}

}  // namespace

std::string expand_remote(std::string_view remote_template, const Configuration& configuration) {
  return expand(remote_template, [&](const std::string& key, bool at_start) {
    const std::string& value = value_of(remote_template, configuration, key);
    return at_start && is_url(value) ? clean_url(remote_template, value) : encode_segment(remote_template, key, value);
  });
}

std::string expand_branch(std::string_view branch_template, const Configuration& configuration) {
  std::string name = expand(
      branch_template, [&](const std::string& key, bool) { return value_of(branch_template, configuration, key); });
  if (!name.starts_with("refs/")) name = "refs/heads/" + name;
  if (!is_ref_name(name)) {
    throw Error(ErrorKind::kConfiguration,
                "expanding " + in_quotes(branch_template) + ": " + in_quotes(name) + " cannot be the name of a branch");
  }
  return name;
}

std::string short_ref_name(std::string_view ref) {
  for (const std::string_view prefix : {"refs/heads/", "refs/tags/", "refs/"}) {
    if (ref.starts_with(prefix)) return std::string(ref.substr(prefix.size()));
  }
  return std::string(ref);
}

std::string full_repository_name(std::string_view remote) {
  const Address address = parse_address(remote);
  if (const auto place = parse_azure_place(address)) {
    const bool one_name = place->project.empty() || equals_ignoring_case(place->project, place->repository);
    return one_name ? place->repository : place->project + "/" + place->repository;
  }
  std::string name;
  for (const std::string& segment : address.segments) name += (name.empty() ? "" : "/") + segment;
  if (name.ends_with(".git")) name.resize(name.size() - 4);
  return name;
}

std::string repository_name(std::string_view remote) {
  if (const auto place = parse_azure_place(parse_address(remote))) return place->repository;
  const std::string full = full_repository_name(remote);
  return full.substr(full.rfind('/') + 1);
}

std::string commit_page(std::string_view remote, std::string_view commit_id) {
  const Address address = parse_address(remote);
  const auto place = parse_azure_place(address);
  if (!place) return "";
  std::string page;
  if (address.scheme == "https" || address.scheme == "http") {
    page = address.scheme + "://" + address.authority;
    for (const std::string& segment : place->base) page += "/" + percent_encode(segment);
  } else if (address.host == "ssh.dev.azure.com" && place->base.size() == 1) {
    page = "https://dev.azure.com/" + percent_encode(place->base[0]);
  } else if (address.host == "vs-ssh.visualstudio.com" && address.segments.front() == "v3") {
    page = "https://" + percent_encode(place->base[0]) + ".visualstudio.com";
  } else {
    // A server's web address cannot be told from its ssh address.
    return "";
  }
  if (!place->project.empty()) page += "/" + percent_encode(place->project);
  return page + "/_git/" + percent_encode(place->repository) + "/commit/" + std::string(commit_id);
}

}  // namespace penstock::azure
