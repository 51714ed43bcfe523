// What a large push costs between its arrival and the list of pipelines to start: 20,000 changed of 100,000 files, in a
// mirror that has both commits, and 200 routes. "push_to_pipelines" is all of it and tells the share of the comparison.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/files.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/changed_paths.h"
#include "core/hooks/path_filter.h"

namespace penstock {
namespace {

constexpr int kServices = 200, kFolders = 10, kFiles = 50, kChangedEvery = 5;

// A repository with two commits and a mirror that holds them.
class Fixture {
 public:
  static Fixture& get() {
    static Fixture fixture;
    return fixture;
  }

  git::PushedRef push(const std::string& old_id) const {
    git::PushedRef push;
    push.fetch.remote = "file://" + origin_.native();
    push.fetch.commit_id = second_;
    push.fetch.ref = "refs/heads/main";
    push.old_commit_id = old_id;
    return push;
  }
  std::vector<std::string> changed() { return git::load_changed_paths(mirrors_, push(first_)).changed.paths; }
  git::Mirrors& mirrors() { return mirrors_; }
  const std::string& first() const { return first_; }

 private:
  Fixture() {
    git({"init", "--quiet", "--bare", "--initial-branch=main", origin_.native()});
    first_ = commit(1, "");
    second_ = commit(kChangedEvery, first_);
    git({"-C", origin_.native(), "gc", "--quiet"});
    changed();
  }

  std::string git(std::vector<std::string> arguments, const std::string& input = "") const {
    ProcessOptions process;
    process.argv = std::move(arguments);
    process.argv.insert(process.argv.begin(), "git");
    process.standard_input = input;
    process.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"GIT_CONFIG_NOSYSTEM", "1"}};
    process.timeout = std::chrono::minutes(5);
    const ProcessResult result = run_process(process);
    if (!result.succeeded()) throw std::runtime_error("git: " + result.standard_error);
    return std::string(trim(result.standard_output));
  }

  // Writes each n-th file with this commit's content.
  std::string commit(int every, const std::string& parent) const {
    std::string stream = "commit refs/heads/main\ncommitter A <a@example.com> 1767323046 +0000\ndata 1\nx\n";
    if (!parent.empty()) stream += "from " + parent + "\n";
    int number = 0;
    for (int service = 0; service < kServices; ++service) {
      for (int folder = 0; folder < kFolders; ++folder) {
        for (int file = 0; file < kFiles; ++file) {
          if (number++ % every != 0) continue;
          const std::string content = parent + " " + std::to_string(number);
          stream += "M 100644 inline services/s" + std::to_string(service) + "/src/package" + std::to_string(folder) +
                    "/File" + std::to_string(file) + ".java\ndata " + std::to_string(content.size()) + "\n" + content +
                    "\n";
        }
      }
    }
    git({"-C", origin_.native(), "fast-import", "--quiet"}, stream);
    return git({"-C", origin_.native(), "rev-parse", "refs/heads/main"});
  }

  TemporaryDirectory folder_;
  std::filesystem::path origin_ = folder_.path() / "origin.git";
  git::Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
  std::string first_, second_;
};

enum class Kind { kFixed, kTemplated, kAnywhere };

// Definitions in which each push is looked at by 200 routes, none of them in vain.
hooks::PathRules make_rules(Kind kind) {
  hooks::PathRulesDefinition rules;
  rules.ignore_paths = {"**.md", "docs/**"};
  if (kind == Kind::kTemplated) rules.routes.push_back({{"services/{service}/**"}, "shop-{service}"});
  for (int i = 0; i < kServices; ++i) {
    const std::string name = "s" + std::to_string(i);
    switch (kind) {
      case Kind::kFixed:
        rules.routes.push_back({{"services/" + name + "/**", "libs/" + name + "/**/*.java"}, "shop-" + name});
        break;
      case Kind::kTemplated:
        rules.routes.push_back({{"services/" + name + "/{module}/**/*.java"}, "shop-" + name + "-{module}"});
        break;
      case Kind::kAnywhere:
        rules.routes.push_back({{"**/" + name + "/**/File*.{java,kt}"}, "shop-" + name});
        break;
    }
  }
  return hooks::PathRules(std::move(rules));
}

std::size_t count_pipelines(const hooks::PathRules& rules, const std::vector<std::string>& paths) {
  return rules.judge_files("refs/heads/main", {.paths = paths}).pipelines.size();
}

void compare_commits(benchmark::State& state) {
  Fixture& fixture = Fixture::get();
  std::size_t count = 0;
  for (auto _ : state) count = fixture.changed().size();
  state.counters["paths"] = static_cast<double>(count);
}
BENCHMARK(compare_commits)->Unit(benchmark::kMillisecond);

void list_all_files(benchmark::State& state) {
  Fixture& fixture = Fixture::get();
  git::PushedRef push = fixture.push("");
  push.new_ref = git::PushedRef::NewRef::kAllFiles;
  std::size_t count = 0;
  for (auto _ : state) count = git::load_changed_paths(fixture.mirrors(), push).changed.paths.size();
  state.counters["paths"] = static_cast<double>(count);
}
BENCHMARK(list_all_files)->Unit(benchmark::kMillisecond);

void judge_files(benchmark::State& state) {
  const auto paths = Fixture::get().changed();
  const auto rules = make_rules(static_cast<Kind>(state.range(0)));
  std::size_t count = 0;
  for (auto _ : state) count = count_pipelines(rules, paths);
  state.counters["pipelines"] = static_cast<double>(count);
}
BENCHMARK(judge_files)->ArgName("kind")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

void push_to_pipelines(benchmark::State& state) {
  using std::chrono::steady_clock;
  Fixture& fixture = Fixture::get();
  const auto rules = make_rules(static_cast<Kind>(state.range(0)));
  steady_clock::duration comparing{}, all{};
  std::size_t count = 0;
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    const auto paths = fixture.changed();
    comparing += steady_clock::now() - begin;
    count = count_pipelines(rules, paths);
    all += steady_clock::now() - begin;
  }
  if (count != kServices + (state.range(0) == 1 ? kServices : 0)) state.SkipWithError("not every pipeline was found");
  state.counters["comparing_share"] =
      static_cast<double>(comparing.count()) / static_cast<double>(std::max<steady_clock::rep>(1, all.count()));
}
BENCHMARK(push_to_pipelines)->ArgName("kind")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
