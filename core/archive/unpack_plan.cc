#include "core/archive/unpack_plan.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;
constexpr std::size_t kMaxComponentBytes = 255;
constexpr std::size_t kMaxDepth = 128;
constexpr int kMaxHops = 40;  // then Linux itself follows no further
constexpr std::size_t kMaxSteps = 5'000'000;

[[noreturn]] void refuse(std::string_view name, const std::string& why) {
  throw Error(ErrorKind::kInvalidInput, in_quotes(name) + " " + why);
}

UnpackedKind kind_of(const ForeignEntry& entry) {
  if (!entry.made_by_unix) return entry.is_directory() ? UnpackedKind::kDirectory : UnpackedKind::kFile;
  switch (entry.mode & S_IFMT) {
    case S_IFLNK:
      if (entry.name.ends_with('/')) refuse(entry.name, "is a link and a folder");
      return UnpackedKind::kLink;
    case S_IFDIR:
      return UnpackedKind::kDirectory;
    case S_IFREG:
      if (entry.name.ends_with('/')) refuse(entry.name, "is a file and a folder");
      return UnpackedKind::kFile;
    case 0:
      return entry.is_directory() ? UnpackedKind::kDirectory : UnpackedKind::kFile;
    default:
      refuse(entry.name, "is a device, pipe or socket");
  }
}

std::uint32_t mode_of(const ForeignEntry& entry, UnpackedKind kind) {
  const std::uint32_t bits = entry.mode & 0777u;
  if (kind == UnpackedKind::kDirectory) return bits == 0 ? 0755u : bits | 0700u;
  return bits == 0 ? 0644u : bits | 0400u;
}

void check_size(const ForeignEntry& entry, UnpackedKind kind, const UnpackLimits& limits) {
  if (kind == UnpackedKind::kDirectory && entry.size != 0) refuse(entry.name, "is a folder with content");
  if (kind == UnpackedKind::kLink && (entry.size == 0 || entry.size > kMaxLinkBytes)) {
    refuse(entry.name, "is a link whose target has " + std::to_string(entry.size) + " bytes");
  }
  if (entry.method == static_cast<std::uint16_t>(Method::kStored) && entry.size != entry.compressed_size) {
    refuse(entry.name, "is stored and has two sizes");
  }
  if (entry.size > limits.free_bytes &&
      entry.size / std::max<std::uint64_t>(entry.compressed_size, 1) > limits.max_ratio) {
    refuse(entry.name, "would grow from " + std::to_string(entry.compressed_size) + " to " +
                           std::to_string(entry.size) + " bytes, more than " + std::to_string(limits.max_ratio) +
                           "-fold; it looks like a zip bomb");
  }
}

// All that there will be, to see what is there twice or below something that is no folder.
class Tree {
 public:
  explicit Tree(std::uint64_t max_nodes) : max_nodes_(max_nodes) {}

  void add(const std::string& path, UnpackedKind kind, std::string_view name) {
    const bool is_directory = kind == UnpackedKind::kDirectory;
    add_parents(path, name);
    const auto [node, added] = nodes_.try_emplace(path, Node{is_directory, true});
    if (!added) {
      if (node->second.is_named) refuse(name, "is there twice");
      if (!is_directory) refuse(name, "is a folder too");
      node->second.is_named = true;
    }
    check_count(name);
  }

 private:
  struct Node {
    bool is_directory = false;
    bool is_named = false;  // has an entry of its own
  };

  void add_parents(std::string_view path, std::string_view name) {
    for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
      path = path.substr(0, slash);
      const auto [node, added] = nodes_.try_emplace(std::string(path), Node{true, false});
      if (!node->second.is_directory) refuse(name, "is below " + in_quotes(path) + ", which is no folder");
      if (!added) return;
      check_count(name);
    }
  }

  void check_count(std::string_view name) const {
    if (nodes_.size() <= max_nodes_) return;
    throw Error(ErrorKind::kExhausted, in_quotes(name) + " is one more than the " + std::to_string(max_nodes_) +
                                           " files and folders that are allowed");
  }

  const std::uint64_t max_nodes_;
  std::unordered_map<std::string, Node> nodes_;
};

// Follows links as the kernel would, but on paper.
class LinkWalk {
 public:
  explicit LinkWalk(const std::map<std::string, std::string>& links) : links_(links) {}

  bool stays_inside(const std::string& path, const std::string& target) {
    std::string at = parent(path);
    std::deque<std::string> ahead;
    if (!put_ahead(target, ahead)) return false;
    int hops = 0;
    while (!ahead.empty()) {
      if (++steps_ > kMaxSteps) {
        throw Error(ErrorKind::kExhausted, in_quotes(path) + " is one of too many links through links");
      }
      const std::string step = std::move(ahead.front());
      ahead.pop_front();
      if (step.empty() || step == ".") continue;
      if (step == "..") {
        if (at.empty()) return false;
        at = parent(at);
        continue;
      }
      const std::string next = at.empty() ? step : at + "/" + step;
      const auto link = links_.find(next);
      if (link == links_.end()) {
        at = next;
        if (at.size() > 64 * kMaxPathBytes) return true;  // far beyond what the kernel takes
        continue;
      }
      if (++hops > kMaxHops) return true;
      if (!put_ahead(link->second, ahead)) return false;
    }
    return true;
  }

 private:
  static std::string parent(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
  }
  static bool put_ahead(const std::string& target, std::deque<std::string>& ahead) {
    if (target.starts_with('/')) return false;
    std::vector<std::string> steps = split(target, '/');
    ahead.insert(ahead.begin(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
    return true;
  }

  const std::map<std::string, std::string>& links_;
  std::size_t steps_ = 0;
};

}  // namespace

std::string unpacked_path(std::string_view name) {
  if (name.empty()) refuse(name, "has no name");
  if (name.find('\0') != std::string_view::npos) refuse(name, "has a NUL in its name");
  const bool has_drive = name.size() >= 3 && name[1] == ':' && (name[2] == '/' || name[2] == '\\');
  if (name.front() == '/' || has_drive) refuse(name, "has an absolute name");
  std::string path;
  std::size_t depth = 0;
  for (const std::string& part : split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") refuse(name, "leads out of the folder");
    if (part.size() > kMaxComponentBytes) refuse(name, "has a part of more than 255 bytes in its name");
    if (++depth > kMaxDepth) refuse(name, "is more than " + std::to_string(kMaxDepth) + " folders deep");
    if (!path.empty()) path += '/';
    path += part;
  }
  if (path.size() > kMaxPathBytes) refuse(name, "has a name of more than 4095 bytes");
  return path;
}

void check_readable(const ForeignEntry& entry) {
  if (entry.is_encrypted()) refuse(entry.name, "is encrypted");
  if (entry.method != static_cast<std::uint16_t>(Method::kStored) &&
      entry.method != static_cast<std::uint16_t>(Method::kDeflated)) {
    refuse(entry.name, "is compressed by method " + std::to_string(entry.method) +
                           ", which is not known here; use deflate, as zip does by default");
  }
}

std::vector<PlannedEntry> plan_unpacking(const std::vector<ForeignEntry>& entries, const UnpackLimits& limits) {
  std::vector<PlannedEntry> plan;
  plan.reserve(entries.size());
  Tree tree(limits.max_entries);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const ForeignEntry& entry = entries[i];
    PlannedEntry planned{.index = i, .path = unpacked_path(entry.name), .kind = kind_of(entry), .mode = 0};
    if (planned.path.empty()) {  // "./"
      if (planned.kind == UnpackedKind::kDirectory) continue;
      refuse(entry.name, "has no name");
    }
    planned.mode = mode_of(entry, planned.kind);
    check_readable(entry);
    check_size(entry, planned.kind, limits);
    tree.add(planned.path, planned.kind, entry.name);
    if (entry.size > limits.max_bytes - bytes) {
      throw Error(ErrorKind::kExhausted, "with " + in_quotes(entry.name) + " it would have more than the " +
                                             std::to_string(limits.max_bytes) + " bytes that are allowed");
    }
    bytes += entry.size;
    plan.push_back(std::move(planned));
  }
  std::sort(plan.begin(), plan.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return plan;
}

void check_links(const std::map<std::string, std::string>& links) {
  LinkWalk walk(links);
  for (const auto& [path, target] : links) {
    if (target.find('\0') != std::string::npos) refuse(path, "is a link with a NUL in its target");
    if (!walk.stays_inside(path, target)) {
      refuse(path, "is a link to " + in_quotes(target) + ", which leads out of the folder");
    }
  }
}

}  // namespace penstock::archive
