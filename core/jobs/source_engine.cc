#include "core/jobs/source_engine.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/jobs/kept_artifacts.h"
#include "core/jobs/source_tree.h"

namespace penstock::jobs {
namespace {

constexpr std::chrono::milliseconds kShortestFetch{1000};

archive::WriteResult zip(SourceTree& tree, const git::Commit& commit, const SourceRequest& request,
                         const std::optional<KeptArtifact>& last) {
  tree.start(last ? last->commit_id : "");
  archive::WriteOptions options;
  options.compression = request.options.compression;
  options.modified = commit.commit_time;
  options.output = request.output;
  options.previous = last ? last->file : request.previous;
  if (last) options.previous_directory_crc32 = last->directory_crc32;
  options.on_progress = request.on_written;
  options.stop = request.stop;
  return archive::write_archive([&] { return tree.next(); }, tree.contents(), options);
}

}  // namespace

SourceResult SourceEngine::make(const SourceRequest& request) const {
  check_artifact_options(request.options);
  try {
    return make_once(request);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    if (request.log) request.log("the mirror is damaged and is fetched anew: " + std::string(error.what()));
  }
  return make_once(request);
}

SourceResult SourceEngine::make_once(const SourceRequest& request) const {
  const KeptArtifacts kept(mirrors_.folder_of(request.fetch.remote), canonical_text(request.options));
  const auto begin = std::chrono::steady_clock::now();
  git::FetchRequest fetch = request.fetch;
  fetch.history = request.options.git_metadata;
  fetch.stop = request.stop;
  fetch.on_progress = request.log;
  // To give back the space of a large file takes time, while fetching waits for the network.
  std::optional<std::jthread> cleaner(std::in_place, [&] { kept.remove_older(); });
  git::Snapshot snapshot = mirrors_.fetch(fetch);

  SourceResult result;
  result.commit = snapshot.commit();
  const auto spent = std::chrono::steady_clock::now() - begin;
  fetch.timeout -= std::chrono::duration_cast<std::chrono::milliseconds>(spent);
  fetch.timeout = std::max(fetch.timeout, kShortestFetch);
  SourceTree tree({.mirrors = mirrors_,
                   .lfs = lfs_,
                   .fetch = fetch,
                   .submodule_credential = request.submodule_credential,
                   .scratch = std::filesystem::absolute(request.output).parent_path()},
                  request.options, std::move(snapshot));
  const auto fetched = std::chrono::steady_clock::now();
  result.fetch = fetched - begin;
  if (request.on_fetched) request.on_fetched(result.commit, result.fetch);
  cleaner.reset();
  std::optional<KeptArtifact> last = request.previous.empty() ? kept.newest() : std::nullopt;
  if (last && !SourceTree::can_compare(request.options)) last->commit_id.clear();
  try {
    result.archive = zip(tree, result.commit, request, last);
  } catch (const Error& error) {
    if (error.code() != archive::kPreviousUnusable) throw;
    kept.remove(*last);
    result.archive = zip(tree, result.commit, request, std::nullopt);
  }
  const std::vector<std::string> warnings = tree.warnings();
  if (request.log) {
    for (const std::string& warning : warnings) request.log(warning);
  }
  // A folder that is taken over whole is not looked into, and would not be warned about.
  const std::string comparable = warnings.empty() ? result.commit.id : std::string(result.commit.id.size(), '0');
  kept.keep(request.output, comparable, result.archive.directory_crc32);
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
