#include "core/jobs/source_engine.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

archive::EntryKind kind_of(git::EntryKind kind) {
  switch (kind) {
    case git::EntryKind::kFile:
      return archive::EntryKind::kFile;
    case git::EntryKind::kExecutable:
      return archive::EntryKind::kExecutable;
    case git::EntryKind::kSymlink:
      return archive::EntryKind::kSymlink;
    case git::EntryKind::kSubmodule:
      return archive::EntryKind::kDirectory;
  }
  return archive::EntryKind::kFile;
}

// "./services//shop/" -> "services/shop/"; empty for the whole tree.
std::string folder_prefix(std::string_view subdirectory) {
  std::string prefix;
  for (const std::string& part : split(subdirectory, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      throw Error(ErrorKind::kConfiguration,
                  "reading subdirectory " + in_quotes(subdirectory) + ": \"..\" is not allowed");
    }
    prefix += part + "/";
  }
  return prefix;
}

struct Selection {
  std::vector<archive::Entry> entries;
  std::vector<std::string> submodules;
};

Selection select_entries(const std::vector<git::TreeEntry>& tree, const git::SnapshotPool& blobs,
                         const SourceRequest& request) {
  const std::string prefix = folder_prefix(request.subdirectory);
  Selection selection;
  selection.entries.reserve(tree.size());
  for (const git::TreeEntry& item : tree) {
    if (item.path.compare(0, prefix.size(), prefix) != 0) continue;
    if (selection.entries.size() % 1024 == 0 && request.stop.stop_requested()) {
      throw Error(ErrorKind::kCancelled, "listing the tree: cancelled");
    }
    archive::Entry entry;
    entry.path = item.path.substr(prefix.size());
    entry.kind = kind_of(item.kind);
    if (item.kind == git::EntryKind::kSubmodule) {
      selection.submodules.push_back(item.path);
    } else {
      entry.content_id = item.object_id;
      entry.size = blobs.blob_size(item.object_id);
    }
    selection.entries.push_back(std::move(entry));
  }
  if (selection.entries.empty() && !prefix.empty()) {
    throw Error(ErrorKind::kConfiguration,
                "selecting subdirectory " + in_quotes(request.subdirectory) + ": the commit has no such folder");
  }
  return selection;
}

}  // namespace

SourceResult SourceEngine::make(const SourceRequest& request) const {
  try {
    return make_once(request);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    if (request.log) request.log("the mirror is damaged and is fetched anew: " + std::string(error.what()));
  }
  return make_once(request);
}

SourceResult SourceEngine::make_once(const SourceRequest& request) const {
  const auto log = [&](std::string_view line) {
    if (request.log) request.log(line);
  };
  const auto begin = std::chrono::steady_clock::now();
  git::FetchRequest fetch = request.fetch;
  fetch.stop = request.stop;
  fetch.on_progress = request.log;
  const git::Snapshot snapshot = mirrors_.fetch(fetch);

  SourceResult result;
  result.commit = snapshot.commit();
  const auto fetched = std::chrono::steady_clock::now();
  result.fetch = fetched - begin;
  if (request.on_fetched) request.on_fetched(result.commit, result.fetch);

  const git::SnapshotPool blobs(snapshot);
  const Selection selection = select_entries(snapshot.entries(), blobs, request);
  for (const std::string& path : selection.submodules) {
    log("submodule " + in_quotes(path) + " is an empty folder in the artifact");
  }
  archive::WriteOptions options;
  options.compression = request.compression;
  options.modified = result.commit.commit_time;
  options.output = request.output;
  options.previous = request.previous;
  options.stop = request.stop;
  result.archive = archive::write_archive(
      selection.entries,
      [&](const archive::Entry& entry, const std::function<void(std::string_view)>& piece) {
        blobs.read_blob(entry.content_id, piece);
      },
      options);
  result.zip = std::chrono::steady_clock::now() - fetched;
  return result;
}

void set_revision(git::FetchRequest& request, std::string_view revision) {
  const bool is_commit_id = revision.size() == 40 && std::all_of(revision.begin(), revision.end(),
                                                                 [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (is_commit_id) {
    request.commit_id = to_lower(revision);
  } else if (revision.starts_with("refs/")) {
    request.ref = std::string(revision);
  } else {
    request.ref = "refs/heads/" + std::string(revision);
  }
}

}  // namespace penstock::jobs
