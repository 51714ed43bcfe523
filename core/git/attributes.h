// What the .gitattributes files of a tree say of its files (gitattributes(5)), as far as a few attributes are
// concerned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/git/wildmatch.h"

namespace penstock::git {

struct AttributeValue {
  enum class State { kUnspecified, kSet, kUnset, kText };
  State state = State::kUnspecified;
  std::string_view text = {};  // of kText: "attr=text"

  // "attr" without a value: what git takes for yes. "attr=true" is not.
  bool is_set() const noexcept { return state == State::kSet; }
  bool is_text(std::string_view expected) const noexcept { return state == State::kText && text == expected; }
};

// Folders are told apart by "name/" patterns; to git a submodule is a folder.
enum class PathKind { kFile, kFolder };

// The attribute files from the root down to the folder that is being walked. Follows git: a deeper file wins over one
// further up, a later line over an earlier one, macros are defined in the root's file only, `binary` is built in; lines
// of 2048 bytes and more and files of 100 MiB and more are ignored, so are negative patterns and lines with a malformed
// attribute name. Attributes that nobody asked for are not kept, and a tree without attribute files costs nothing.
// Not thread-safe.
class Attributes {
 public:
  struct Limits {
    std::size_t rule_bytes = 32u << 20;   // memory for the rules of all files at once
    std::uint64_t work = 20'000'000'000;  // steps of reading and matching: less than a minute
    static constexpr std::size_t kMacros = 4'000;
  };
  explicit Attributes(std::vector<std::string> wanted) : Attributes(std::move(wanted), Limits()) {}
  Attributes(std::vector<std::string> wanted, Limits limits);

  // A folder's .gitattributes (only if it is a regular file: git follows no link there). `folder` is empty for the
  // root, else "a/b/". Folders come in the order of a walk, the root first; files of folders that this one is not in
  // are forgotten. Error{kInvalidInput} above the limits.
  void enter(std::string_view folder, std::string_view bytes);

  // The values of the wanted attributes, in the order of the constructor's names; valid until the next call. `path` is
  // from the root, without a slash at the end. Error{kInvalidInput} above the limits.
  const std::vector<AttributeValue>& lookup(std::string_view path, PathKind kind);

 private:
  struct Assignment {
    std::uint32_t attribute = 0;  // index in names_
    AttributeValue::State state = AttributeValue::State::kUnspecified;
    std::string text;
  };
  struct Rule {
    // kName and kNameSuffix look at the last part of a path, kPath at all of it from the file's folder.
    enum class Target { kName, kNameSuffix, kNamePattern, kPath };
    Target target = Target::kName;
    bool folders_only = false;
    std::string literal;               // kPath: what a match begins with
    std::vector<Wildmatch> wildcards;  // kPath, kNamePattern: what follows the literal; none or one
    std::vector<Assignment> assignments;
  };
  struct File {
    std::string folder;
    std::vector<Rule> rules;
    std::size_t bytes = 0;
  };
  struct Line;
  using Macros = std::map<std::string, std::vector<std::pair<std::string, Assignment>>, std::less<>>;

  void define_macros(std::string_view bytes);
  void read_rules(std::string_view bytes, File& file);
  bool matches(const Rule& rule, std::string_view path, std::string_view name, PathKind kind);
  void assign(const std::vector<Assignment>& assignments);
  void spend(std::uint64_t work);

  const Limits limits_;
  const std::size_t wanted_;                                 // the first of names_
  std::vector<std::string> names_;                           // wanted, then the macros that bear on them
  std::map<std::string, std::uint32_t, std::less<>> index_;  // of names_
  std::vector<std::vector<Assignment>> macros_;              // by index in names_; empty for what is none
  std::vector<File> files_;                                  // from the root down; without rules = not here
  std::size_t rule_bytes_ = 0;
  std::uint64_t work_ = 0;

  std::vector<AttributeValue> values_;  // of a lookup under way, by index in names_
  std::vector<bool> known_;
  std::size_t unknown_ = 0;  // of the wanted
  std::vector<AttributeValue> result_;
  Wildmatch::Scratch scratch_;
};

}  // namespace penstock::git
