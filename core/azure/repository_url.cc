#include "core/azure/repository_url.h"

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

// The path behind the host, of URLs and of scp-like remotes, decoded segment by segment.
std::vector<std::string> path_segments(std::string_view remote) {
  const std::size_t scheme = remote.find("://");
  std::string_view path;
  if (scheme != std::string_view::npos) {
    const std::size_t slash = remote.find('/', scheme + 3);
    path = slash == std::string_view::npos ? std::string_view() : remote.substr(slash + 1);
  } else {
    const std::size_t colon = remote.find(':');
    path = colon == std::string_view::npos ? remote : remote.substr(colon + 1);
  }
  std::vector<std::string> segments;
  for (const std::string& segment : split(path, '/')) {
    if (!segment.empty()) segments.push_back(percent_decode(segment).value_or(segment));
  }
  return segments;
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
  const std::vector<std::string> segments = path_segments(remote);
  if (segments.empty()) return "";
  // ORG/PROJECT/_git/REPO, or ORG/_git/REPO when project and repository have one name; at ORG.visualstudio.com without
  // ORG but perhaps with DefaultCollection.
  const bool org_in_host = remote.find(".visualstudio.com/") != std::string_view::npos;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i] != "_git") continue;
    const bool has_project = org_in_host ? i >= 1 && segments[i - 1] != "DefaultCollection" : i >= 2;
    return has_project ? segments[i - 1] + "/" + segments.back() : segments.back();
  }
  // ssh: v3/ORG/PROJECT/REPO
  if (segments[0] == "v3" && segments.size() == 4) return segments[2] + "/" + segments[3];
  std::string name;
  for (const std::string& segment : segments) name += (name.empty() ? "" : "/") + segment;
  if (name.ends_with(".git")) name.resize(name.size() - 4);
  return name;
}

std::string repository_name(std::string_view remote) {
  const std::string full = full_repository_name(remote);
  return full.substr(full.rfind('/') + 1);
}

std::string commit_page(std::string_view remote, std::string_view commit_id) {
  if (!remote.starts_with("https://") || remote.find("/_git/") == std::string_view::npos) return "";
  return std::string(remote) + "/commit/" + std::string(commit_id);
}

}  // namespace penstock::azure
