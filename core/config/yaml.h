// YAML text as a plain tree in which every value knows its line. The one place that calls yaml-cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::config {

struct YamlEntry;

// Shared where the text says so with an alias; never changed after parsing.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kNull;
  int line = 0;         // from 1
  bool quoted = false;  // scalars: written in quotes or as a block, so that "true" is a text
  std::string scalar;
  std::vector<std::shared_ptr<const YamlNode>> items;
  std::vector<YamlEntry> entries;  // in order of writing; keys are unique; merge keys ("<<") are resolved
  std::size_t weight = 1;          // nodes of this tree with every alias written out

  const YamlEntry* find(std::string_view key) const noexcept;
};

struct YamlEntry {
  std::string key;
  int line = 0;  // of the key
  std::shared_ptr<const YamlNode> value;
};

struct YamlProblem {
  int line = 0;
  std::string path;  // of the mapping, for duplicate keys; empty otherwise
  std::string message;
};

struct YamlResult {
  std::shared_ptr<const YamlNode> root;  // null when the text cannot be read at all
  std::vector<YamlProblem> problems;
};

// Bounds: 1 MiB of UTF-8, depth 64, 100,000 nodes after aliases are written out ("billion laughs"). Never throws on any
// bytes.
YamlResult parse_yaml(std::string_view text);

}  // namespace penstock::config
