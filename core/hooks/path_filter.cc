#include "core/hooks/path_filter.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/glob_set.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxNamingNotes = 20;
constexpr std::size_t kShownPipelines = 3;

// Of branches and tags.
std::string_view short_name(std::string_view ref) noexcept {
  for (const auto prefix : {kBranches, kTags}) {
    if (ref.starts_with(prefix)) return ref.substr(prefix.size());
  }
  return ref;
}

std::string shown(const PathMatch& match) {
  return in_quotes(match.path) + " by " + match.where + " " + in_quotes(match.pattern);
}

struct RefFilter {
  std::optional<RefPatterns> branches, tags;
  bool is_for_pull_requests = false;
  std::vector<PullRequestEvent> events;      // of those; none = all
  const PatternLists* file_paths = nullptr;  // in the definition

  bool is_for(PullRequestEvent event) const {
    return events.empty() || std::find(events.begin(), events.end(), event) != events.end();
  }
  bool has_includes() const noexcept { return file_paths != nullptr && !file_paths->includes.empty(); }
};

// What a pattern of files is for.
struct Role {
  enum class Kind { kIgnore, kInclude, kExclude, kRoute };
  Kind kind = Kind::kIgnore;
  std::uint32_t owner = 0;  // the filter or route
  std::uint32_t index = 0;
};

}  // namespace

struct PathRules::Compiled {
  explicit Compiled(PathRulesDefinition written);

  std::string where_of(const Role& role) const;
  const std::string& pattern_of(const Role& role) const;
  std::string filter_name(std::size_t index) const {
    return (definition.triggers.size() == 1 ? "triggers" : indexed("triggers", index)) +
           (definition.triggers[index].pull_request ? ".pullRequest" : "");
  }
  void check(const TriggerFilterDefinition& trigger, const std::string& name) const;
  // The filters that this ref passes; when there are none, why.
  std::vector<std::uint32_t> filters_for(std::string_view ref, std::optional<PullRequestEvent> event,
                                         std::string& refusal) const;
  std::string refusal_of_push(const RefFilter& filter, std::string_view ref, const std::string& name) const;
  std::string refusal_of_pull_request(const RefFilter& filter, std::string_view ref, PullRequestEvent event,
                                      const std::string& name) const;

  PathRulesDefinition definition;
  std::vector<RefFilter> filters;
  std::vector<Route> routes;
  std::vector<Role> roles;  // of the globs in `files`
  std::optional<GlobSet> files;
};

PathRules::Compiled::Compiled(PathRulesDefinition written) : definition(std::move(written)) {
  std::vector<Glob> globs;
  const auto add = [&](const std::vector<std::string>& patterns, Role::Kind kind, std::size_t owner,
                       const std::string& where) {
    for (std::uint32_t i = 0; i < patterns.size(); ++i) {
      globs.push_back(compile_pattern(patterns[i], PatternOf::kPaths, indexed(where, i)));
      roles.push_back({kind, static_cast<std::uint32_t>(owner), i});
    }
  };
  add(definition.ignore_paths, Role::Kind::kIgnore, 0, "ignorePaths");
  for (std::size_t i = 0; i < definition.triggers.size(); ++i) {
    const auto& trigger = definition.triggers[i];
    const std::string name = filter_name(i);
    check(trigger, name);
    RefFilter filter;
    const auto& branches = trigger.pull_request ? trigger.pull_request->branches : trigger.branches;
    const auto& file_paths = trigger.pull_request ? trigger.pull_request->file_paths : trigger.file_paths;
    if (trigger.pull_request) {
      filter.is_for_pull_requests = true;
      filter.events = trigger.pull_request->events;
    }
    if (branches) filter.branches.emplace(*branches, name + ".branches");
    if (trigger.tags) filter.tags.emplace(*trigger.tags, name + ".tags");
    if (file_paths) {
      filter.file_paths = &*file_paths;
      add(file_paths->includes, Role::Kind::kInclude, i, name + ".filePaths.includes");
      add(file_paths->excludes, Role::Kind::kExclude, i, name + ".filePaths.excludes");
    }
    filters.push_back(std::move(filter));
  }
  for (std::size_t i = 0; i < definition.routes.size(); ++i) {
    try {
      for (std::size_t j = 0; j < definition.routes[i].paths.size(); ++j) {
        try {
          refuse_slips(definition.routes[i].paths[j], PatternOf::kRoutePaths);
        } catch (const Error& error) {
          throw error.with_context(indexed("paths", j));
        }
      }
      routes.emplace_back(definition.routes[i]);
    } catch (const Error& error) {
      throw Error(error.kind(), indexed("routes", i) + "." + error.what());
    }
    for (std::uint32_t j = 0; j < routes.back().paths().size(); ++j) {
      globs.push_back(routes.back().paths()[j]);
      roles.push_back({Role::Kind::kRoute, static_cast<std::uint32_t>(i), j});
    }
  }
  files.emplace(std::move(globs));
}

void PathRules::Compiled::check(const TriggerFilterDefinition& trigger, const std::string& name) const {
  const auto refuse = [&](const std::string& what) { throw Error(ErrorKind::kInvalidInput, name + ": " + what); };
  const auto check_lists = [&](const std::optional<PatternLists>& lists, const char* key) {
    if (lists && lists->includes.empty() && lists->excludes.empty())
      throw Error(ErrorKind::kInvalidInput, name + "." + key + ": expected includes or excludes");
  };
  if (trigger.pull_request) {
    if (trigger.branches || trigger.tags || trigger.file_paths)
      refuse("expected it alone; write a filter of its own for what is pushed");
    check_lists(trigger.pull_request->branches, "branches");
    check_lists(trigger.pull_request->file_paths, "filePaths");
    return;
  }
  if (!trigger.branches && !trigger.tags && !trigger.file_paths) refuse("expected branches, tags or filePaths");
  if (trigger.tags && (trigger.branches || trigger.file_paths))
    refuse("expected tags alone; write a filter of its own for " +
           std::string(trigger.branches ? "branches" : "filePaths"));
  check_lists(trigger.branches, "branches");
  check_lists(trigger.tags, "tags");
  check_lists(trigger.file_paths, "filePaths");
}

std::string PathRules::Compiled::where_of(const Role& role) const {
  switch (role.kind) {
    case Role::Kind::kIgnore:
      return indexed("ignorePaths", role.index);
    case Role::Kind::kInclude:
      return indexed(filter_name(role.owner) + ".filePaths.includes", role.index);
    case Role::Kind::kExclude:
      return indexed(filter_name(role.owner) + ".filePaths.excludes", role.index);
    case Role::Kind::kRoute:
      return indexed(indexed("routes", role.owner) + ".paths", role.index);
  }
  return "";
}

const std::string& PathRules::Compiled::pattern_of(const Role& role) const {
  switch (role.kind) {
    case Role::Kind::kIgnore:
      break;
    case Role::Kind::kInclude:
      return filters[role.owner].file_paths->includes[role.index];
    case Role::Kind::kExclude:
      return filters[role.owner].file_paths->excludes[role.index];
    case Role::Kind::kRoute:
      return definition.routes[role.owner].paths[role.index];
  }
  return definition.ignore_paths[role.index];
}

// Why a filter does not want what was pushed; empty when it does.
std::string PathRules::Compiled::refusal_of_push(const RefFilter& filter, std::string_view ref,
                                                 const std::string& name) const {
  if (filter.is_for_pull_requests) return "was pushed, and " + name + " is for pull requests";
  const bool is_branch = ref.starts_with(kBranches), is_tag = ref.starts_with(kTags);
  if (is_tag != filter.tags.has_value() || (!is_tag && !is_branch))
    return "is no " + std::string(filter.tags ? "tag" : "branch") + ", as " + name + " wants it";
  const auto& patterns = is_tag ? filter.tags : filter.branches;
  return patterns ? patterns->refusal(short_name(ref)) : "";
}

std::string PathRules::Compiled::refusal_of_pull_request(const RefFilter& filter, std::string_view ref,
                                                         PullRequestEvent event, const std::string& name) const {
  if (!filter.is_for(event)) return "is " + std::string(to_string(event)) + ", which " + name + ".events do not name";
  const std::string refusal = filter.branches ? filter.branches->refusal(short_name(ref)) : "";
  return refusal.empty() ? "" : "goes to " + in_quotes(short_name(ref)) + ", which " + refusal;
}

std::vector<std::uint32_t> PathRules::Compiled::filters_for(std::string_view ref, std::optional<PullRequestEvent> event,
                                                            std::string& refusal) const {
  std::vector<std::uint32_t> passed;
  std::vector<std::string> reasons;
  for (std::uint32_t i = 0; i < filters.size(); ++i) {
    const RefFilter& filter = filters[i];
    if (event && !filter.is_for_pull_requests) continue;
    const std::string name = filter_name(i);
    std::string reason =
        event ? refusal_of_pull_request(filter, ref, *event, name) : refusal_of_push(filter, ref, name);
    if (reason.empty()) {
      passed.push_back(i);
    } else {
      reasons.push_back(std::move(reason));
    }
  }
  if (!passed.empty() || filters.empty()) return passed;
  if (event && reasons.empty()) {
    refusal = "the event is about a pull request, and triggers have no pullRequest";
    return passed;
  }
  if (event) {
    refusal = "the pull request";
  } else {
    refusal = ref.starts_with(kBranches) ? "the branch " : ref.starts_with(kTags) ? "the tag " : "the ref ";
    refusal += in_quotes(short_name(ref));
  }
  for (std::size_t i = 0; i < reasons.size(); ++i) refusal += (i == 0 ? " " : ", and ") + reasons[i];
  return passed;
}

PathRules::PathRules(PathRulesDefinition definition)
    : compiled_(std::make_unique<const Compiled>(std::move(definition))) {}
PathRules::~PathRules() = default;
PathRules::PathRules(PathRules&&) noexcept = default;
PathRules& PathRules::operator=(PathRules&&) noexcept = default;

const PathRulesDefinition& PathRules::definition() const noexcept {
  return compiled_->definition;
}

bool PathRules::looks_at_files() const noexcept {
  return compiled_->files->size() != 0;
}

bool PathRules::looks_at_pull_requests() const noexcept {
  return std::any_of(compiled_->filters.begin(), compiled_->filters.end(),
                     [](const RefFilter& filter) { return filter.is_for_pull_requests; });
}

RefVerdict PathRules::judge_ref(std::string_view ref, std::optional<PullRequestEvent> event) const {
  RefVerdict verdict;
  const auto filters = compiled_->filters_for(ref, event, verdict.reason);
  if (filters.empty() && !compiled_->filters.empty()) {
    verdict.next = RefVerdict::Next::kRefused;
    return verdict;
  }
  const bool any_file = std::any_of(filters.begin(), filters.end(),
                                    [&](std::uint32_t i) { return compiled_->filters[i].file_paths == nullptr; });
  const bool is_branch = ref.starts_with(kBranches);
  const bool files_matter =
      (!filters.empty() && !any_file) || (is_branch && !compiled_->definition.ignore_paths.empty());
  if (files_matter || !compiled_->routes.empty()) {
    verdict.next = RefVerdict::Next::kNeedsFiles;
    verdict.wants_all_files = !is_branch;
  }
  return verdict;
}

// One judgement of the files of one push.
class PathRules::Judge {
 public:
  Judge(const Compiled& rules, std::vector<std::uint32_t> filters)
      : rules_(rules),
        filters_(std::move(filters)),
        any_file_(rules.filters.empty() ||
                  std::any_of(filters_.begin(), filters_.end(),
                              [&](std::uint32_t i) { return rules.filters[i].file_paths == nullptr; })),
        matcher_(*rules.files),
        included_(rules.filters.size()),
        excluded_(rules.filters.size()),
        done_(rules.routes.size()) {
    routes_left_ = rules.routes.size();
  }

  FileVerdict judge(const ChangedFiles& files) {
    for (const std::string& path : files.paths) {
      ++verdict_.looked_at;
      look_at(path);
      const bool enough = rules_.routes.empty() ? verdict_.decided_by.has_value() : routes_left_ == 0;
      if (enough) break;
    }
    if (rules_.routes.empty()) {
      finish_without_routes(files);
    } else {
      finish_with_routes(files);
    }
    return std::move(verdict_);
  }

 private:
  PathMatch match_of(const std::string& path, const Role& role) const {
    return {path, rules_.pattern_of(role), rules_.where_of(role)};
  }

  void look_at(const std::string& path) {
    const Role* ignored = nullptr;
    std::fill(included_.begin(), included_.end(), nullptr);
    std::fill(excluded_.begin(), excluded_.end(), nullptr);
    routed_.clear();
    for (const auto glob : matcher_.match(path)) {
      const Role& role = rules_.roles[glob];
      const auto note = [&](const Role*& first) {
        if (first == nullptr) first = &role;
      };
      switch (role.kind) {
        case Role::Kind::kIgnore:
          note(ignored);
          break;
        case Role::Kind::kInclude:
          note(included_[role.owner]);
          break;
        case Role::Kind::kExclude:
          note(excluded_[role.owner]);
          break;
        case Role::Kind::kRoute:
          routed_.push_back(&role);
          break;
      }
    }
    if (ignored != nullptr) {
      ++verdict_.ignored;
      if (!verdict_.first_ignored) verdict_.first_ignored = match_of(path, *ignored);
      return;
    }
    const Role* include = nullptr;
    if (!any_file_ && !is_included(path, include)) return;
    if (!rules_.routes.empty()) {
      route(path);
    } else {
      verdict_.decided_by = include != nullptr ? match_of(path, *include) : PathMatch{.path = path};
    }
  }

  // By one of the filters; `include` is then the pattern, if there are any.
  bool is_included(const std::string& path, const Role*& include) {
    const Role* exclude = nullptr;
    for (const auto i : filters_) {
      if (excluded_[i] != nullptr) {
        if (exclude == nullptr) exclude = excluded_[i];
      } else if (included_[i] != nullptr || !rules_.filters[i].has_includes()) {
        include = included_[i];
        return true;
      }
    }
    if (exclude != nullptr) {
      ++verdict_.excluded;
      if (!verdict_.first_excluded) verdict_.first_excluded = match_of(path, *exclude);
    } else if (++verdict_.not_included == 1) {
      verdict_.first_not_included = path;
    }
    return false;
  }

  void route(const std::string& path) {
    if (routed_.empty() && ++verdict_.not_routed == 1) verdict_.first_not_routed = path;
    for (const Role* role : routed_) {
      const Route& route = rules_.routes[role->owner];
      if (route.is_fixed()) {
        if (done_[role->owner]) continue;
        done_[role->owner] = true;
        --routes_left_;
      }
      Route::Captures captures = route.capture(role->index, path);
      std::string pipeline = route.pipeline_for(captures);
      if (!seen_.insert(pipeline).second) continue;
      if (!is_pipeline_name(pipeline)) {
        if (++misnamed_ <= kMaxNamingNotes)
          verdict_.notes.push_back(shown(match_of(path, *role)) + " leads to " + in_quotes(pipeline) +
                                   ", which cannot be the name of a pipeline");
        continue;
      }
      add_pipeline({std::move(pipeline), std::move(captures), match_of(path, *role)});
    }
  }

  void add_pipeline(RoutedPipeline pipeline) {
    if (!verdict_.decided_by) verdict_.decided_by = pipeline.decided_by;
    if (verdict_.pipelines.size() < kMaxPipelines) {
      verdict_.pipelines.push_back(std::move(pipeline));
    } else {
      ++left_out_;
    }
  }

  void finish_without_routes(const ChangedFiles& files) {
    if (verdict_.decided_by) {
      verdict_.passes = true;
      const PathMatch& match = *verdict_.decided_by;
      verdict_.reason = in_quotes(match.path) + " was changed, which ";
      verdict_.reason += !match.where.empty() ? "is included by " + match.where + " " + in_quotes(match.pattern)
                         : any_file_          ? "is not ignored"
                                              : "is not excluded";
    } else if (!files.is_complete) {
      verdict_.passes = true;
      verdict_.reason = "more than " + std::to_string(files.paths.size()) +
                        " files were changed; none of these counts, but what the others are is not known";
    } else {
      verdict_.reason = why_nothing_counts();
    }
  }

  void finish_with_routes(const ChangedFiles& files) {
    if (!files.is_complete) add_unknown(files);
    if (misnamed_ > kMaxNamingNotes)
      verdict_.notes.push_back(std::to_string(misnamed_ - kMaxNamingNotes) +
                               " other names cannot be those of pipelines either");
    if (left_out_ > 0)
      verdict_.notes.push_back(std::to_string(left_out_) + " other pipelines are left out: one push starts at most " +
                               std::to_string(kMaxPipelines));
    verdict_.passes = !verdict_.pipelines.empty();
    if (!verdict_.passes) {
      verdict_.reason = misnamed_ > 0 ? "no pipeline can have the name that the routes make" : why_nothing_counts();
      return;
    }
    verdict_.reason = verdict_.pipelines.size() == 1
                          ? "the changed files lead to the pipeline "
                          : "the changed files lead to " + std::to_string(verdict_.pipelines.size()) + " pipelines: ";
    for (std::size_t i = 0; i < verdict_.pipelines.size() && i < kShownPipelines; ++i) {
      const auto& [pipeline, captures, match] = verdict_.pipelines[i];
      verdict_.reason += (i == 0 ? "" : ", ") + in_quotes(pipeline);
      if (!match.path.empty()) verdict_.reason += " (" + shown(match) + ")";
    }
    if (verdict_.pipelines.size() > kShownPipelines) verdict_.reason += ", …";
  }

  // What was not listed may have led to every pipeline whose name is known.
  void add_unknown(const ChangedFiles& files) {
    const std::string more = "more than " + std::to_string(files.paths.size()) + " files were changed";
    for (std::uint32_t i = 0; i < rules_.routes.size(); ++i) {
      const Route& route = rules_.routes[i];
      if (!route.is_fixed()) {
        verdict_.notes.push_back(indexed("routes", i) + " may lead to other pipelines as well: " + more);
        continue;
      }
      std::string pipeline = route.pipeline_for({});
      if (done_[i] || !seen_.insert(pipeline).second) continue;
      verdict_.notes.push_back(in_quotes(pipeline) +
                               " is started although none of the listed files leads there: " + more);
      add_pipeline({std::move(pipeline), {}, PathMatch{.path = "", .pattern = "", .where = indexed("routes", i)}});
    }
  }

  std::string why_nothing_counts() const {
    if (verdict_.looked_at == 0) return "no file was changed";
    std::string reason;
    const auto add = [&](std::size_t count, const std::string& what, const std::string& example) {
      if (count == 0) return;
      reason += (reason.empty() ? "" : ", ") + std::to_string(count) + " " + what + " (";
      reason += (count == 1 ? "" : "such as ") + example + ")";
    };
    const auto example = [](const std::optional<PathMatch>& match) { return match ? shown(*match) : ""; };
    add(verdict_.ignored, "ignored", example(verdict_.first_ignored));
    add(verdict_.excluded, "excluded", example(verdict_.first_excluded));
    add(verdict_.not_included, "not included", in_quotes(verdict_.first_not_included));
    add(verdict_.not_routed, "on no route", in_quotes(verdict_.first_not_routed));
    return "of " + std::to_string(verdict_.looked_at) + " changed " + (verdict_.looked_at == 1 ? "file" : "files") +
           " none counts: " + reason;
  }

  const Compiled& rules_;
  const std::vector<std::uint32_t> filters_;  // those that the ref passes
  const bool any_file_;                       // one of them does not look at files
  GlobSet::Matcher matcher_;
  std::vector<const Role*> included_, excluded_;  // of the current file, by filter
  std::vector<const Role*> routed_;               // of the current file
  std::vector<bool> done_;                        // routes that always lead to the same pipeline
  std::size_t routes_left_ = 0;                   // those that may lead to another pipeline still
  std::unordered_set<std::string> seen_;          // pipelines
  std::size_t misnamed_ = 0, left_out_ = 0;
  FileVerdict verdict_;
};

FileVerdict PathRules::judge_files(std::string_view ref, const ChangedFiles& files,
                                   std::optional<PullRequestEvent> event) const {
  FileVerdict verdict;
  auto filters = compiled_->filters_for(ref, event, verdict.reason);
  if (filters.empty() && !compiled_->filters.empty()) return verdict;
  return Judge(*compiled_, std::move(filters)).judge(files);
}

}  // namespace penstock::hooks
