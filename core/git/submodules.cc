#include "core/git/submodules.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/command.h"
#include "core/git/fetch_errors.h"
#include "core/git/mirror.h"
#include "core/git/remote.h"

namespace penstock::git {
namespace {

constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::size_t kMaxSubmodules = 1'000;

// Where the last part begins: after the last slash, or the colon of "host:path".
std::size_t last_part(std::string_view address) {
  const std::size_t slash = address.rfind('/');
  return slash != std::string_view::npos ? slash : address.rfind(':');
}

// With its scheme; empty for a path.
std::string_view host_of(std::string_view address) {
  if (address.starts_with('/')) return "";
  const std::size_t scheme = address.find("://");
  if (scheme == std::string_view::npos) return address.substr(0, address.find(':'));
  return address.substr(0, address.find('/', scheme + 3));
}

}  // namespace

std::vector<Submodule> read_submodules(const Snapshot& snapshot) {
  const auto file = snapshot.find(".gitmodules");
  // Git follows no link there.
  if (!file || (file->kind != EntryKind::kFile && file->kind != EntryKind::kExecutable)) return {};
  const std::string doing = "reading .gitmodules of the commit " + snapshot.commit().id;
  if (snapshot.blob_size(file->object_id) > kMaxFileBytes)
    throw Error(ErrorKind::kInvalidInput, doing + ": it is larger than 1 MiB");
  ProcessOptions process;
  process.argv = {"git", "config", "--blob", file->object_id, "--null", "--list"};
  process.environment = git_environment(snapshot.mirror());
  process.timeout = std::chrono::seconds(60);
  process.max_output_bytes = 4 * kMaxFileBytes;
  const ProcessResult result = run_process(process);
  if (!result.succeeded())
    throw Error(ErrorKind::kInvalidInput, doing + ": " + diagnose_fetch(result.standard_error).detail);

  // "submodule.NAME.path\nVALUE\0"; what comes first counts, as for git.
  std::map<std::string, Submodule> by_name;
  for (const std::string& setting : split(result.standard_output, '\0')) {
    const std::size_t line_end = setting.find('\n');
    const std::string key = setting.substr(0, line_end);
    const std::size_t dot = key.rfind('.');
    if (line_end == std::string::npos || !key.starts_with("submodule.") || dot < 10) continue;
    Submodule& submodule = by_name[key.substr(10, dot - 10)];
    const std::string what = key.substr(dot + 1);
    if (what == "path" && submodule.path.empty()) submodule.path = setting.substr(line_end + 1);
    if (what == "url" && submodule.url.empty()) submodule.url = setting.substr(line_end + 1);
  }
  if (by_name.size() > kMaxSubmodules) {
    throw Error(ErrorKind::kInvalidInput,
                doing + ": there are more than " + std::to_string(kMaxSubmodules) + " submodules");
  }
  std::vector<Submodule> submodules;
  for (auto& [name, submodule] : by_name) {
    if (!submodule.path.empty() && !submodule.url.empty()) submodules.push_back(std::move(submodule));
  }
  return submodules;
}

std::string submodule_remote(std::string_view parent_remote, std::string_view url) {
  if (!url.starts_with("./") && !url.starts_with("../")) return std::string(url);
  const std::string doing = "resolving the submodule's address " + in_quotes(url);
  std::string_view base = parent_remote;
  while (base.ends_with('/')) base.remove_suffix(1);
  std::string_view rest = url;
  char separator = '/';
  for (;;) {
    if (rest.starts_with("./")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("../")) {
      rest.remove_prefix(3);
      const std::size_t end = last_part(base);
      if (end == std::string_view::npos || base.substr(0, end).size() < host_of(base).size())
        throw Error(ErrorKind::kInvalidInput, doing + ": it leads above the host of " + in_quotes(parent_remote));
      separator = base[end];
      base = base.substr(0, end);
    } else {
      break;
    }
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return std::string(base) + separator + std::string(rest);
}

}  // namespace penstock::git
