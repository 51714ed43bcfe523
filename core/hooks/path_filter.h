// Whether a push or a pull request starts something, by its branch and by the files that it changes, with the semantics
// of CodePipeline V2's triggers; and with routes, what it starts. Pure: where the list of changed files comes from is
// not known here.
//
// Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
//
// A filter's conditions must all hold, of several filters one is enough. Include patterns are OR-ed, exclude patterns
// are OR-ed, exclude beats include; without include patterns everything is included. Branches and tags are judged by
// their short names, files by their whole paths; case counts. Each changed file is judged alone, and one that is
// included and not excluded is enough. `tags` stand alone; a filter without them is about branches. `pullRequest`
// stands alone as well: only such filters are about pull requests, whose branch is then the target, and they are about
// nothing else.
//
// Other than with CodePipeline all changed files are looked at, not the first hundred, and filePaths need no branches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/path_patterns.h"
#include "core/hooks/pull_request.h"
#include "core/hooks/route.h"

namespace penstock::hooks {

struct PullRequestFilterDefinition {
  std::vector<PullRequestEvent> events = {};  // none = all
  std::optional<PatternLists> branches = {}, file_paths = {};
};

struct TriggerFilterDefinition {
  std::optional<PatternLists> branches = {}, tags = {}, file_paths = {};
  std::optional<PullRequestFilterDefinition> pull_request = {};
};

struct PathRulesDefinition {
  std::vector<TriggerFilterDefinition> triggers = {};  // none = every ref and pull request
  // Files that never count. On its own the short form of "exclude these and include everything else".
  std::vector<std::string> ignore_paths = {};
  std::vector<RouteDefinition> routes = {};
};

// What the ref alone says.
struct RefVerdict {
  enum class Next {
    kPasses,      // whatever was changed
    kRefused,     // `reason` says why
    kNeedsFiles,  // ask PathRules::judge_files()
  };
  Next next = Next::kPasses;
  std::string reason;
  // With kNeedsFiles: the push of something that is no branch. It changes nothing, so all files of its commit are to be
  // judged.
  bool wants_all_files = false;
};

struct ChangedFiles {
  std::span<const std::string>
      paths;                // of files, each once; '/' between the parts; any bytes. Renamed ones: both names
  bool is_complete = true;  // false: more were changed than are listed
};

// Where a file met a pattern.
struct PathMatch {
  std::string path;
  std::string pattern;  // empty: there are no include patterns
  std::string where;    // "triggers.filePaths.includes[0]", "ignorePaths[2]", "routes[7].paths[0]"; may be empty
};

struct RoutedPipeline {
  std::string pipeline;
  Route::Captures captures;
  PathMatch decided_by;  // the first file that led there
};

struct FileVerdict {
  bool passes = false;
  std::string reason;                   // one sentence for people
  std::optional<PathMatch> decided_by;  // the first file that counts; with `passes`, unless the list was incomplete
  // Of the files that were looked at, which are all unless the first that counts was enough:
  std::size_t looked_at = 0, ignored = 0, excluded = 0, not_included = 0, not_routed = 0;
  std::optional<PathMatch> first_ignored, first_excluded;
  std::string first_not_included, first_not_routed;

  // With routes: what is to be started, each once, in the order of the files; at most PathRules::kMaxPipelines.
  std::vector<RoutedPipeline> pipelines;
  // Others, which are not: above that number, or because what was captured names no pipeline; one sentence each, of the
  // second kind at most 20.
  std::vector<std::string> notes;
};

// What the files were found out by, for the history.
struct Comparison {
  std::string basis;           // "oldCommit", "mergeBase", "allFiles"
  std::string base_commit_id;  // may be empty
  std::string note;            // may be empty
  std::size_t changed = 0;     // files
  bool is_complete = true;
};

// The member `changedPaths` of a decision in the history API: basis, baseCommitId, changed, complete, note (only with
// text), lookedAt, ignored, excluded, notIncluded, notRouted, decidedBy {path, pattern, where} or null, pipelines
// [{pipeline, captures, decidedBy}] (only with routes that led somewhere), notes (only when there are some), reason.
// Paths that are no UTF-8 are shown with replacement characters, long ones are cut.
std::string to_json(const FileVerdict& verdict, const Comparison& comparison);

// Immutable and thread-safe once made.
class PathRules {
 public:
  static constexpr std::size_t kMaxPipelines = 1'000;

  // Throws Error{kInvalidInput} "triggers.filePaths.includes[1]: column 3: …"; also for a filter without any condition
  // and for `tags` or `pullRequest` beside another.
  explicit PathRules(PathRulesDefinition definition);
  ~PathRules();
  PathRules(PathRules&&) noexcept;
  PathRules& operator=(PathRules&&) noexcept;

  const PathRulesDefinition& definition() const noexcept;
  // Whether any ref's files are ever asked for.
  bool looks_at_files() const noexcept;

  // Whether some filter is about pull requests.
  bool looks_at_pull_requests() const noexcept;

  // `ref` is whole: refs/heads/main. With an event it is the target of a pull request, otherwise it was pushed.
  RefVerdict judge_ref(std::string_view ref, std::optional<PullRequestEvent> event = {}) const;
  // For those of which judge_ref() says that files are needed. Error{kExhausted} for patterns that ask for too much
  // work on these files.
  FileVerdict judge_files(std::string_view ref, const ChangedFiles& files,
                          std::optional<PullRequestEvent> event = {}) const;

 private:
  struct Compiled;
  class Judge;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace penstock::hooks
