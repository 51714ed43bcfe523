#include "core/jobs/source_engine.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/jobs/kept_artifacts.h"

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
    case git::EntryKind::kUnchangedFolder:
      return archive::EntryKind::kUnchangedFolder;
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

git::TreeWalk walk_selected(const git::Snapshot& snapshot, const SourceRequest& request,
                            const std::optional<KeptArtifact>& since) {
  const std::string folder = folder_path(request.subdirectory);
  std::optional<git::TreeWalk> walk = snapshot.walk({.folder = folder, .since = since ? since->commit_id : ""});
  if (!walk) {
    throw Error(ErrorKind::kConfiguration,
                "selecting subdirectory " + in_quotes(request.subdirectory) + ": the commit has no such folder");
  }
  return std::move(*walk);
}

std::string options_text(const SourceRequest& request) {
  return std::to_string(request.compression) + "\n" + folder_path(request.subdirectory);
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
  const KeptArtifacts kept(mirrors_.folder_of(request.fetch.remote), options_text(request));
  const auto begin = std::chrono::steady_clock::now();
  git::FetchRequest fetch = request.fetch;
  fetch.stop = request.stop;
  fetch.on_progress = request.log;
  // To give back the space of a large file takes time, while fetching waits for the network.
  std::optional<std::jthread> cleaner(std::in_place, [&] { kept.remove_older(); });
  const git::Snapshot snapshot = mirrors_.fetch(fetch);

  SourceResult result;
  result.commit = snapshot.commit();
  const auto fetched = std::chrono::steady_clock::now();
  result.fetch = fetched - begin;
  if (request.on_fetched) request.on_fetched(result.commit, result.fetch);
  cleaner.reset();
  const std::optional<KeptArtifact> last = request.previous.empty() ? kept.newest() : std::nullopt;
  try {
    result.archive = zip(snapshot, request, last);
  } catch (const Error& error) {
    if (error.code() != archive::kPreviousUnusable) throw;
    kept.remove(*last);
    result.archive = zip(snapshot, request, std::nullopt);
  }
  kept.keep(request.output, result.commit.id, result.archive.directory_crc32);
  result.zip = std::chrono::steady_clock::now() - fetched;
  return result;
}

archive::WriteResult SourceEngine::zip(const git::Snapshot& snapshot, const SourceRequest& request,
                                       const std::optional<KeptArtifact>& last) const {
  const git::SnapshotPool blobs(snapshot);
  git::TreeWalk files = walk_selected(snapshot, request, last);
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
  options.modified = snapshot.commit().commit_time;
  options.output = request.output;
  options.previous = last ? last->file : request.previous;
  if (last) options.previous_directory_crc32 = last->directory_crc32;
  options.on_progress = request.on_written;
  options.stop = request.stop;
  const archive::WriteResult result = archive::write_archive(next, contents, options);
  if (request.log) {
    for (const std::string& path : submodules)
      request.log("submodule " + in_quotes(path) + " is an empty folder in the artifact");
  }
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
