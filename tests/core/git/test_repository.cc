#include "tests/core/git/test_repository.h"

#include <cstdlib>
#include <map>
#include <stdexcept>

#include "core/base/digest.h"
#include "core/base/process.h"
#include "core/base/text.h"

namespace penstock::git {

TestRepository::TestRepository() : path_(folder_.path() / "origin.git") {
  git({"init", "-q", "--bare", "-b", "main", path_.native()});
  git({"config", "gc.auto", "0"});
}

std::string TestRepository::git(const std::vector<std::string>& arguments, std::string_view input) const {
  ProcessOptions options;
  options.argv = {"git"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.environment = {{"PATH", std::getenv("PATH")},
                         {"GIT_CONFIG_NOSYSTEM", "1"},
                         {"GIT_CONFIG_GLOBAL", "/dev/null"},
                         {"HOME", "/nonexistent"},
                         {"LC_ALL", "C"},
                         {"GIT_AUTHOR_NAME", "Jamal Hartnett"},
                         {"GIT_AUTHOR_EMAIL", "jamal@example.com"},
                         {"GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z"},
                         {"GIT_COMMITTER_NAME", "Build Agent"},
                         {"GIT_COMMITTER_EMAIL", "agent@example.com"},
                         {"GIT_COMMITTER_DATE", "2026-01-02T03:04:06Z"}};
  if (!arguments.empty() && arguments[0] != "init") options.environment["GIT_DIR"] = path_.native();
  options.standard_input = input;
  options.max_output_bytes = 64 << 20;
  const ProcessResult result = run_process(options);
  if (!result.succeeded()) throw std::runtime_error("git " + arguments.at(0) + ": " + result.standard_error);
  std::string output = result.standard_output;
  if (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

std::string TestRepository::blob(std::string_view content) const {
  return git({"hash-object", "-w", "--stdin"}, content);
}

std::string TestRepository::tree(const std::vector<Entry>& entries) const {
  std::string bytes;
  for (const Entry& entry : entries)
    bytes += entry.mode + " " + entry.name + std::string(1, '\0') + from_hex(entry.id).value();
  return git({"hash-object", "-t", "tree", "-w", "--literally", "--stdin"}, bytes);
}

std::string TestRepository::commit(const std::string& tree_id, const std::vector<std::string>& parents,
                                   const std::string& message) const {
  std::string text = "tree " + tree_id + "\n";
  for (const std::string& parent : parents) text += "parent " + parent + "\n";
  text += "author Jamal Hartnett <jamal@example.com> 1767323045 +0000\n";
  text += "committer Build Agent <agent@example.com> 1767323046 +0000\n\n" + message + "\n";
  return git({"hash-object", "-t", "commit", "-w", "--stdin"}, text);
}

void TestRepository::set_branch(const std::string& name, const std::string& commit_id) const {
  git({"update-ref", "refs/heads/" + name, commit_id});
}

std::vector<std::string> TestRepository::push_many(const std::string& branch, int count) const {
  std::string stream;
  for (int i = 0; i < count; ++i) {
    const std::string content = std::to_string(i);
    stream += "commit refs/heads/" + branch + "\n";
    stream += "author Jamal Hartnett <jamal@example.com> " + std::to_string(1767323045 + i) + " +0000\n";
    stream += "committer Build Agent <agent@example.com> " + std::to_string(1767323046 + i) + " +0000\n";
    stream += "data 1\nx\nM 100644 inline a\ndata " + std::to_string(content.size()) + "\n" + content + "\n";
  }
  git({"fast-import", "--quiet", "--force"}, stream);
  return split(git({"rev-list", "--reverse", "refs/heads/" + branch}), '\n');
}

std::string TestRepository::push(const std::string& branch,
                                 const std::vector<std::pair<std::string, std::string>>& files,
                                 const std::string& message) const {
  std::string stream = "commit refs/heads/" + branch + "\n";
  stream += "author Jamal Hartnett <jamal@example.com> 1767323045 +0000\n";
  stream += "committer Build Agent <agent@example.com> 1767323046 +0000\n";
  stream += "data " + std::to_string(message.size()) + "\n" + message + "\n";
  try {
    stream += "from " + git({"rev-parse", "--verify", "-q", "refs/heads/" + branch}) + "\n";
  } catch (const std::runtime_error&) {
    // The branch's first commit.
  }
  for (const auto& [path, content] : files)
    stream += "M 100644 inline " + path + "\ndata " + std::to_string(content.size()) + "\n" + content + "\n";
  git({"fast-import", "--quiet", "--force"}, stream);
  return git({"rev-parse", "refs/heads/" + branch});
}

std::vector<TreeEntry> all_files(const Snapshot& snapshot) {
  std::vector<TreeEntry> files;
  TreeWalk walk = snapshot.walk().value();
  while (std::optional<TreeEntry> file = walk.next()) files.push_back(std::move(*file));
  return files;
}

}  // namespace penstock::git
