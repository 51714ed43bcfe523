#include "core/jobs/source_engine.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/digest.h"
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

// "./services//shop/" -> "services/shop"; empty for the whole tree.
std::string folder_path(std::string_view subdirectory) {
  std::string path;
  for (const std::string& part : split(subdirectory, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      throw Error(ErrorKind::kConfiguration,
                  "reading subdirectory " + in_quotes(subdirectory) + ": \"..\" is not allowed");
    }
    path += (path.empty() ? "" : "/") + part;
  }
  return path;
}

git::TreeWalk walk_selected(const git::Snapshot& snapshot, const SourceRequest& request) {
  std::optional<git::TreeWalk> walk = snapshot.walk(folder_path(request.subdirectory));
  if (!walk) {
    throw Error(ErrorKind::kConfiguration,
                "selecting subdirectory " + in_quotes(request.subdirectory) + ": the commit has no such folder");
  }
  return std::move(*walk);
}

// Without a copy; when it cannot be, as on different disks, the next artifact is made from nothing.
void keep(const std::filesystem::path& artifact, const std::filesystem::path& last) {
  const std::filesystem::path fresh = last.native() + ".new";
  std::error_code failed;
  std::filesystem::remove(fresh, failed);
  std::filesystem::create_hard_link(artifact, fresh, failed);
  if (!failed) std::filesystem::rename(fresh, last, failed);
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
  git::TreeWalk files = walk_selected(snapshot, request);
  std::vector<std::string> submodules;
  const auto next = [&]() -> std::optional<archive::Entry> {
    std::optional<git::TreeEntry> file = files.next();
    if (!file) return std::nullopt;
    if (file->kind == git::EntryKind::kSubmodule) {
      submodules.push_back(file->path);
      file->object_id.clear();
    }
    return archive::Entry{
        .path = std::move(file->path), .kind = kind_of(file->kind), .content_id = std::move(file->object_id)};
  };
  const archive::ContentReader contents{
      .size = [&](const archive::Entry& entry) { return blobs.blob_size(entry.content_id); },
      .read = [&](const archive::Entry& entry,
                  const std::function<void(std::string_view)>& piece) { blobs.read_blob(entry.content_id, piece); }};
  archive::WriteOptions options;
  options.compression = request.compression;
  options.modified = result.commit.commit_time;
  options.output = request.output;
  options.previous = request.previous.empty() ? last_artifact(request) : request.previous;
  options.stop = request.stop;
  result.archive = archive::write_archive(next, contents, options);
  keep(request.output, last_artifact(request));
  for (const std::string& path : submodules) {
    log("submodule " + in_quotes(path) + " is an empty folder in the artifact");
  }
  result.zip = std::chrono::steady_clock::now() - fetched;
  return result;
}

std::filesystem::path SourceEngine::last_artifact(const SourceRequest& request) const {
  const std::string options = std::to_string(request.compression) + "\n" + folder_path(request.subdirectory);
  return mirrors_.folder_of(request.fetch.remote) / ("artifact-" + sha256_hex(options).substr(0, 16) + ".zip");
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
