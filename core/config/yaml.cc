#include "core/config/yaml.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/base/text.h"

namespace penstock::config {
namespace {

constexpr std::size_t kMaxBytes = 1u << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 100'000;
constexpr std::string_view kMergeKey = "<<";
// yaml-cpp takes an unclosed collection for a key when the text ends.
constexpr std::string_view kCollectionAsKey =
    "expected a text as key, found a collection; is a \"}\" or \"]\" missing?";

struct ReadingEnds : std::runtime_error {
  ReadingEnds(int at, const std::string& message) : std::runtime_error(message), line(at) {}
  int line;
};

// Builds the tree from the parser's events. yaml-cpp's own Node is not used: it expands nothing, but hides duplicate
// keys, throws from lookups, and cannot tell how large the document becomes with its aliases written out.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<YamlProblem>& problems) : problems_(problems) {}

  std::shared_ptr<const YamlNode> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto node = make_node(mark, YamlNode::Kind::kNull);
    add(node, anchor, node->line);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw ReadingEnds(line_of(mark), "an alias refers to the value that contains it");
    add(found->second, 0, line_of(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    auto node = make_node(mark, YamlNode::Kind::kScalar);
    node->scalar = value;
    node->quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    // yaml-cpp leaves it to the reader that a plain ~ or null is nothing.
    if (!node->quoted && (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL")) {
      node->kind = YamlNode::Kind::kNull;
    }
    add(node, anchor, node->line);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::kMapping, anchor);
  }
  void OnMapEnd() override {
    resolve_merges(*open_.back().node);
    close();
  }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    std::optional<std::pair<std::string, int>> key;  // read, its value not yet
    std::unordered_set<std::string> keys;
    std::vector<YamlEntry> merges;
  };

  static int line_of(const YAML::Mark& mark) { return mark.line < 0 ? 0 : mark.line + 1; }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    static constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "!" || tag == "?" || tag.starts_with(kCore)) return;
    throw ReadingEnds(line_of(mark), "the tag " + in_quotes(tag) + " is not understood here");
  }

  std::shared_ptr<YamlNode> make_node(const YAML::Mark& mark, YamlNode::Kind kind) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = line_of(mark);
    return node;
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxDepth) {
      throw ReadingEnds(line_of(mark), "values are nested more than " + std::to_string(kMaxDepth) + " deep");
    }
    if (!open_.empty() && open_.back().node->kind == YamlNode::Kind::kMapping && !open_.back().key) {
      throw ReadingEnds(line_of(mark), std::string(kCollectionAsKey));
    }
    open_.push_back({make_node(mark, kind), anchor, std::nullopt, {}, {}});
  }

  void close() {
    auto finished = std::move(open_.back());
    open_.pop_back();
    add(finished.node, finished.anchor, finished.node->line);
  }

  void add(const std::shared_ptr<const YamlNode>& node, YAML::anchor_t anchor, int line) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = node;
      return;
    }
    auto& parent = open_.back();
    if (parent.node->kind == YamlNode::Kind::kMapping && !parent.key) {
      if (node->kind == YamlNode::Kind::kSequence || node->kind == YamlNode::Kind::kMapping) {
        throw ReadingEnds(line, std::string(kCollectionAsKey));
      }
      parent.key.emplace(node->scalar, node->line);
      return;
    }
    parent.node->weight += node->weight;
    if (parent.node->weight > kMaxNodes) {
      throw ReadingEnds(line,
                        "with its aliases written out the file has more than " + std::to_string(kMaxNodes) + " values");
    }
    if (parent.node->kind == YamlNode::Kind::kSequence) {
      parent.node->items.push_back(node);
      return;
    }
    auto [key, key_line] = std::move(*parent.key);
    parent.key.reset();
    if (key == kMergeKey) {
      parent.merges.push_back({std::move(key), key_line, node});
    } else if (parent.keys.insert(key).second) {
      parent.node->entries.push_back({std::move(key), key_line, node});
    } else {
      problems_.push_back({key_line, path() + key,
                           "expected each key once, found it again (first on line " +
                               std::to_string(parent.node->find(key)->line) + ")"});
    }
  }

  // "<<: *defaults" or "<<: [*a, *b]": what the mapping does not say itself is taken from there, the first wins.
  void resolve_merges(YamlNode& mapping) {
    for (const auto& merge : open_.back().merges) {
      std::vector<std::shared_ptr<const YamlNode>> sources = {merge.value};
      if (merge.value->kind == YamlNode::Kind::kSequence) sources = merge.value->items;
      for (const auto& source : sources) {
        if (source->kind != YamlNode::Kind::kMapping) {
          problems_.push_back({merge.line, path() + std::string(kMergeKey), "expected a mapping to merge"});
          continue;
        }
        for (const auto& entry : source->entries) {
          if (open_.back().keys.insert(entry.key).second) mapping.entries.push_back(entry);
        }
      }
    }
  }

  // "server.tls." for the place that is being read.
  std::string path() const {
    std::string text;
    for (const auto& open : open_) {
      if (&open != &open_.back() && open.key) text += open.key->first + ".";
      if (&open != &open_.back() && open.node->kind == YamlNode::Kind::kSequence) {
        if (text.ends_with('.')) text.pop_back();
        text += "[" + std::to_string(open.node->items.size()) + "].";
      }
    }
    return text;
  }

  std::vector<YamlProblem>& problems_;
  std::shared_ptr<const YamlNode> root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;
};

// What yaml-cpp says, in the form of our messages.
std::string reason_of(const YAML::Exception& error) {
  std::string text = error.msg.empty() ? "the text is not YAML" : error.msg;
  if (text == YAML::ErrorMsg::EOF_IN_SCALAR) return "a quoted text that begins above is not closed";
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

// What YAML forbids and yaml-cpp lets through or reports badly.
std::optional<YamlProblem> refuse_bytes(std::string_view text) {
  if (text.size() > kMaxBytes) {
    return YamlProblem{
        0, "", "expected at most " + std::to_string(kMaxBytes) + " bytes, found " + std::to_string(text.size())};
  }
  int line = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n') {
      ++line;
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
      return YamlProblem{line, "", "expected text, found a control character"};
    }
  }
  if (!is_valid_utf8(text)) {
    line = 1;
    for (std::size_t begin = 0; begin < text.size(); ++line) {
      const auto end = std::min(text.find('\n', begin), text.size());
      if (!is_valid_utf8(text.substr(begin, end - begin))) break;
      begin = end + 1;
    }
    return YamlProblem{line, "", "expected UTF-8, found other bytes"};
  }
  return std::nullopt;
}

// The first line that is indented with a tab, the most frequent reason why a YAML file cannot be read.
int line_with_tab(std::string_view text) {
  int line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto content = text.substr(begin, end - begin);
    const auto first = content.find_first_not_of(" \t");
    if (first != std::string_view::npos && content.substr(0, first).find('\t') != std::string_view::npos) return line;
    begin = end + 1;
  }
  return 0;
}

}  // namespace

const YamlEntry* YamlNode::find(std::string_view key) const noexcept {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

YamlResult parse_yaml(std::string_view text) {
  YamlResult result;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (auto problem = refuse_bytes(text)) {
    result.problems.push_back(std::move(*problem));
    return result;
  }
  TreeBuilder builder(result.problems);
  try {
    // yaml-cpp takes a quoted text that is never closed for closed when the file ends in a newline, and so would lose
    // the rest of the file in it; a comment at the very end makes it see the mistake.
    std::istringstream stream{std::string(text) + "\n#"};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    result.root = builder.root();
    TreeBuilder second(result.problems);
    if (parser.HandleNextDocument(second)) {
      result.problems.push_back({0, "", "expected one YAML document, found more (\"---\" or \"...\")"});
    }
  } catch (const ReadingEnds& error) {
    result.problems.push_back({error.line, "", error.what()});
    result.root = nullptr;
  } catch (const YAML::Exception& error) {
    const int tab = line_with_tab(text);
    const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
    if (tab != 0 && tab <= line + 1) {
      result.problems.push_back({tab, "", "reading YAML: expected spaces as indentation, found a tab"});
    } else {
      result.problems.push_back({line, "", "reading YAML: " + reason_of(error)});
    }
    result.root = nullptr;
  } catch (const std::exception& error) {
    result.problems.push_back({0, "", std::string("reading YAML: ") + error.what()});
    result.root = nullptr;
  }
  return result;
}

}  // namespace penstock::config
