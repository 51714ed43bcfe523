#include "core/git/base_commit.h"

#include <optional>
#include <system_error>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/git/merge_base.h"
#include "core/git/mirror_objects.h"
#include "core/git/tree_walk.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCommitRefs = "refs/penstock/commits/";
constexpr std::string_view kFetchedRef = "refs/penstock/fetched";
constexpr std::string_view kOtherBranch = "refs/penstock/other";

bool is_refusal(const FetchDiagnosis& diagnosis) {
  return diagnosis.fault == FetchFault::kIdRefused || diagnosis.fault == FetchFault::kUnknown;
}

std::string by_id(const std::string& commit_id) {
  return "+" + commit_id + ":" + std::string(kCommitRefs) + commit_id;
}

// What is behind the commit, and behind the default branch if that is asked for as well; by the ref where the server
// does not give out commits by their ids.
void deepen(const fs::path& mirror, const std::string& commit_id, int depth, const std::vector<std::string>& others,
            const Fetcher& fetcher) {
  const std::string option = "--depth=" + std::to_string(depth);
  const std::string& ref = fetcher.request().ref;
  std::vector<std::string> refspecs = others;
  refspecs.push_back(by_id(commit_id));
  auto diagnosis = fetcher.fetch(mirror, option, refspecs);
  if (diagnosis && is_refusal(*diagnosis) && !ref.empty()) {
    refspecs.back() = "+" + ref + ":" + std::string(kFetchedRef);
    diagnosis = fetcher.fetch(mirror, option, refspecs);
  }
  if (diagnosis) throw make_fetch_error(*diagnosis, fetcher.remote().for_git());
}

// Servers that give out no ids may have it in the ref's history: as far as one push reaches, not to its beginning.
std::string fetch_named(const fs::path& mirror, const std::string& commit_id, const std::string& base,
                        const Fetcher& fetcher) {
  const git_oid id = id_from_hex(base);
  const auto is_here = [&] { return MirrorObjects(mirror).have(id); };
  if (is_here()) return base;
  const auto diagnosis = fetcher.fetch(mirror, "--depth=1", by_id(base));
  if (!diagnosis) return base;
  if (!is_refusal(*diagnosis)) throw make_fetch_error(*diagnosis, fetcher.remote().for_git());
  for (const int depth : {50, 500}) {
    fetcher.report("fetching " + std::to_string(depth) + " generations of history, looking for " + base);
    deepen(mirror, commit_id, depth, {}, fetcher);
    if (is_here()) return base;
  }
  return "";
}

// The newest commit that is shared with the base's commit, or else with its branch or the default branch.
std::string fetch_merge_base(const fs::path& mirror, const std::string& commit_id, const FetchRequest::Base& base,
                             const Fetcher& fetcher) {
  const bool is_named = !base.commit_id.empty();
  std::string branch = base.branch;
  if (!is_named) branch = fetcher.default_branch(mirror);
  if (!is_named && (branch.empty() || branch == fetcher.request().ref)) return "";
  const auto refspec_of = [](const std::string& what) { return "+" + what + ":" + std::string(kOtherBranch); };
  std::string refspec = refspec_of(is_named ? base.commit_id : branch);
  auto diagnosis = fetcher.fetch(mirror, "--depth=1", refspec);
  if (diagnosis && is_named && is_refusal(*diagnosis) && !branch.empty()) {
    refspec = refspec_of(branch);
    diagnosis = fetcher.fetch(mirror, "--depth=1", refspec);
  }
  if (diagnosis && (diagnosis->fault == FetchFault::kRefMissing || (is_named && is_refusal(*diagnosis)))) return "";
  if (diagnosis) throw make_fetch_error(*diagnosis, fetcher.remote().for_git());
  for (const int depth : {50, 500, 5000, 0}) {
    {
      const MirrorObjects objects(mirror);
      // What the branch has become meanwhile may hold the commit itself: it is the last resort.
      const bool is_here = is_named && objects.have(id_from_hex(base.commit_id));
      if (is_here || !is_named || depth == 0) {
        const std::string other = is_here ? base.commit_id : std::string(trim(read_file(mirror / kOtherBranch, 1024)));
        const MergeBase found =
            find_merge_base(from_hex(commit_id).value(), from_hex(other).value(), objects.commit_reader());
        if (found.id) return to_hex(*found.id);
        if (!found.lacks_commits) return "";
      }
      if (depth == 0) return "";
    }
    fetcher.report("fetching " + std::to_string(depth) +
                   " generations of history, looking for what the branch shares " +
                   (is_named ? "with " + base.commit_id : std::string("with the default branch")));
    deepen(mirror, commit_id, depth, {refspec}, fetcher);
  }
  return "";
}

}  // namespace

std::string fetch_base(const fs::path& mirror, const std::string& commit_id, const FetchRequest::Base& base,
                       const Fetcher& fetcher) {
  if (base.is_known()) return fetch_named(mirror, commit_id, base.commit_id, fetcher);
  const std::string found = fetch_merge_base(mirror, commit_id, base, fetcher);
  // Objects stay when their refs are gone; refs would only be offered to the server by every fetch.
  std::error_code ignored;
  fs::remove(mirror / kOtherBranch, ignored);
  return found;
}

}  // namespace penstock::git
