// One repository, many pipelines: which pipeline a changed path belongs to. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/hooks/glob.h"

namespace penstock::hooks {

struct RouteDefinition {
  std::vector<std::string> paths = {};  // globs in which {name} captures a part of a path; any of them
  std::string target_pipeline = {};     // {name} stands for what was captured
};

// Immutable and thread-safe once made.
class Route {
 public:
  using Captures = std::vector<std::pair<std::string, std::string>>;  // name and value, in the order of the pattern

  // Throws Error{kInvalidInput} "paths[0]: column 4: …", "targetPipeline: …": also for what can never name a pipeline,
  // and for a name that one of the paths does not capture.
  explicit Route(RouteDefinition definition);

  const RouteDefinition& definition() const noexcept { return definition_; }
  const std::vector<Glob>& paths() const noexcept { return paths_; }  // in the order of the definition
  // Whether every path leads to the same pipeline.
  bool is_fixed() const noexcept { return parts_.size() == 1 && !parts_.front().is_name; }

  // What paths()[index] captures of a path that it matches.
  Captures capture(std::size_t index, std::string_view path) const;
  // May be no name of a pipeline: captured text can be anything.
  std::string pipeline_for(const Captures& captures) const;

 private:
  struct Part {
    std::string text;
    bool is_name = false;
  };
  RouteDefinition definition_;
  std::vector<Glob> paths_;
  std::vector<Part> parts_;  // of the pipeline's name
};

// What CodePipeline takes as a pipeline's name: 1 to 100 of A-Z a-z 0-9 . @ - _
bool is_pipeline_name(std::string_view text) noexcept;

}  // namespace penstock::hooks
