#include "core/git/history.h"

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/git/commit_graph.h"
#include "core/git/fetch.h"
#include "core/git/mirror_objects.h"
#include "core/git/tree_walk.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDepths[] = {1, 50, 500, 5000};
constexpr std::size_t kMaxTagsOfACommit = 100;
constexpr std::string_view kTagRefs = "refs/penstock/tags";

using TagsByCommit = std::multimap<std::string, const RemoteTag*>;  // by raw id

// Only what the objects say counts, not where the mirror's own history is cut off: each fetch of another job moves
// that.
CommitGraph read_graph(const fs::path& mirror, const std::string& commit_id, std::size_t depth) {
  const MirrorObjects objects(mirror);
  return CommitGraph(from_hex(commit_id).value(), depth, objects.commit_reader());
}

// By the ref where the server does not give out commits by their ids.
void deepen(const fs::path& mirror, const std::string& commit_id, std::size_t depth, const Fetcher& fetcher) {
  const std::string option = "--depth=" + std::to_string(depth);
  const std::string ref = fetcher.request().ref;
  auto diagnosis = fetcher.fetch(mirror, option, "+" + commit_id + ":refs/penstock/commits/" + commit_id);
  if (!diagnosis) return;
  const bool refused = diagnosis->fault == FetchFault::kIdRefused || diagnosis->fault == FetchFault::kUnknown;
  if (refused && !ref.empty()) diagnosis = fetcher.fetch(mirror, option, "+" + ref + ":refs/penstock/fetched");
  if (diagnosis) throw make_fetch_error(*diagnosis, fetcher.remote().for_git());
}

// Among all tags, or among the annotated ones.
CommitGraph::Nearest find_nearest(const CommitGraph& graph, const std::vector<RemoteTag>& tags, bool annotated_only) {
  std::vector<std::uint32_t> tagged;
  for (const RemoteTag& tag : tags) {
    if (annotated_only && tag.peeled_id.empty()) continue;
    if (const auto commit = graph.find(from_hex(tag.target_id()).value())) tagged.push_back(*commit);
  }
  std::sort(tagged.begin(), tagged.end());
  tagged.erase(std::unique(tagged.begin(), tagged.end()), tagged.end());
  return graph.nearest(tagged);
}

// Objects stay when their refs are gone; refs would only be offered to the server by every fetch.
void fetch_tag_objects(const fs::path& mirror, const std::vector<History::Tag>& tags, const Fetcher& fetcher) {
  const auto missing = [&] {
    const MirrorObjects objects(mirror);
    std::vector<const History::Tag*> result;
    for (const History::Tag& tag : tags) {
      if (!objects.have(id_from_hex(tag.object_id))) result.push_back(&tag);
    }
    return result;
  };
  std::error_code ignored;
  fs::remove_all(mirror / kTagRefs, ignored);  // of a fetch that was killed
  const std::vector<const History::Tag*> wanted = missing();
  if (wanted.empty()) return;
  std::vector<std::string> refspecs;
  for (const History::Tag* tag : wanted)
    refspecs.push_back("+" + tag->name + ":" + std::string(kTagRefs) + "/" + tag->object_id);
  const auto diagnosis = fetcher.fetch(mirror, "--depth=1", refspecs);
  fs::remove_all(mirror / kTagRefs, ignored);
  if (diagnosis && diagnosis->fault != FetchFault::kRefMissing)
    throw make_fetch_error(*diagnosis, fetcher.remote().for_git());
  if (!missing().empty()) {
    throw Error(ErrorKind::kUnavailable, "fetching the tags of " + in_quotes(fetcher.remote().for_git()) + ": " +
                                             in_quotes(wanted.front()->name) + " was moved meanwhile, try again");
  }
}

}  // namespace

History fetch_history(const fs::path& mirror, const std::string& commit_id, const Fetcher& fetcher) {
  const std::vector<RemoteTag> tags = fetcher.list_tags(mirror);
  const bool has_annotated =
      std::any_of(tags.begin(), tags.end(), [](const RemoteTag& tag) { return !tag.peeled_id.empty(); });

  History history;
  for (const std::size_t depth : kDepths) {
    const bool last = depth == *std::prev(std::end(kDepths)) || tags.empty();
    CommitGraph graph = read_graph(mirror, commit_id, depth);
    if (graph.lacks_commits()) {
      fetcher.report("fetching " + std::to_string(depth) + " generations of history, looking for a tag");
      deepen(mirror, commit_id, depth, fetcher);
      graph = read_graph(mirror, commit_id, depth);
    }
    const CommitGraph::Nearest nearest = find_nearest(graph, tags, false);
    const CommitGraph::Nearest annotated = find_nearest(graph, tags, true);
    if (!last && (!nearest.certain || (has_annotated && !annotated.certain))) continue;
    std::vector<std::uint32_t> targets;
    for (const auto& target : {nearest.commit, annotated.commit}) {
      if (target) targets.push_back(*target);
    }
    const CommitGraph::Cut cut = graph.cut(targets);
    if (!last && !cut.exact) continue;
    for (const std::string& id : cut.shallow) history.shallow.push_back(to_hex(id));
    std::map<std::uint32_t, std::size_t> counts;
    for (const RemoteTag& tag : tags) {
      const auto commit = graph.find(from_hex(tag.target_id()).value());
      if (!commit || std::find(targets.begin(), targets.end(), *commit) == targets.end()) continue;
      if (++counts[*commit] <= kMaxTagsOfACommit)
        history.tags.push_back({.name = tag.name, .object_id = tag.object_id, .commit_id = tag.target_id()});
    }
    break;
  }
  if (!tags.empty() && history.tags.empty()) {
    fetcher.report("none of the remote's tags is within " + std::to_string(*std::prev(std::end(kDepths))) +
                   " generations of the commit: `git describe` will find none");
  }
  fetch_tag_objects(mirror, history.tags, fetcher);
  return history;
}

}  // namespace penstock::git
