#include "server/action_type_definition.h"

#include <map>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::server {
namespace {

using json::Json;

constexpr std::size_t kMaxProperties = 10;
constexpr int kMaxArtifacts = 5;

std::string shown(const Json& value) {
  return value.is_string() ? in_quotes(value.get<std::string>()) : truncate_utf8(json::dump(value), 60, 240);
}

// Reads members and notes what is wrong with them.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  void problem(const std::string& path, const std::string& text) {
    problems_ += (problems_.empty() ? "" : "\n") + file_ + ": " + path + (path.empty() ? "" : ": ") + text;
  }
  // False unless it is an object with members of these names only.
  bool check_object(const Json& value, const std::string& path, const std::vector<std::string>& known) {
    if (!value.is_object()) {
      problem(path, "expected an object, found " + shown(value));
      return false;
    }
    for (const auto& [name, unused] : value.items()) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const auto nearest = nearest_name(name, known);
      problem(path.empty() ? name : path + "." + name,
              "is no member here" + (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : std::string()));
    }
    return true;
  }
  std::string text(const Json& object, const std::string& path, const char* name, std::size_t max, bool required) {
    const Json* value = json::find(object, name);
    const std::string place = path.empty() ? name : path + "." + name;
    if (value == nullptr) {
      if (required) problem(place, "is missing");
      return "";
    }
    if (!value->is_string() || value->get<std::string>().empty() ||
        truncate_utf8(value->get<std::string>(), max, max * 4) != value->get<std::string>()) {
      problem(place, "expected a text of 1 to " + std::to_string(max) + " characters, found " + shown(*value));
      return "";
    }
    return value->get<std::string>();
  }
  bool flag(const Json& object, const std::string& path, const char* name, bool required) {
    const Json* value = json::find(object, name);
    if (value == nullptr) {
      if (required) problem(path + "." + name, "is missing");
      return false;
    }
    if (!value->is_boolean()) problem(path + "." + name, "expected true or false, found " + shown(*value));
    return value->is_boolean() && value->get<bool>();
  }
  std::optional<std::int64_t> count(const Json& object, const std::string& path, const char* name) {
    const Json* value = json::find(object, name);
    if (value == nullptr) {
      problem(path + "." + name, "is missing");
      return std::nullopt;
    }
    if (!value->is_number_integer() || value->get<std::int64_t>() < 0 || value->get<std::int64_t>() > kMaxArtifacts) {
      problem(path + "." + name,
              "expected a number from 0 to " + std::to_string(kMaxArtifacts) + ", found " + shown(*value));
      return std::nullopt;
    }
    return value->get<std::int64_t>();
  }
  void finish() const {
    if (!problems_.empty()) throw Error(ErrorKind::kInvalidInput, problems_);
  }

 private:
  const std::string file_;
  std::string problems_;
};

struct Property {
  bool required = false, secret = false;
};

std::map<std::string, Property> check_properties(Reader& reader, const Json& root) {
  std::map<std::string, Property> properties;
  const Json* list = json::find(root, "configurationProperties");
  if (list == nullptr) return properties;
  if (!list->is_array() || list->size() > kMaxProperties) {
    reader.problem("configurationProperties", "expected a list of at most 10 properties, found " +
                                                  (list->is_array() ? std::to_string(list->size()) : shown(*list)));
    return properties;
  }
  int queryable = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& entry = (*list)[i];
    const std::string path = "configurationProperties[" + std::to_string(i) + "]";
    if (!reader.check_object(entry, path, {"name", "required", "key", "secret", "queryable", "description", "type"})) {
      continue;
    }
    const std::string name = reader.text(entry, path, "name", 50, true);
    const Property property{reader.flag(entry, path, "required", true), reader.flag(entry, path, "secret", true)};
    reader.flag(entry, path, "key", true);
    reader.text(entry, path, "description", 160, false);
    const std::string type = reader.text(entry, path, "type", 20, false);
    if (!type.empty() && type != "String" && type != "Number" && type != "Boolean") {
      reader.problem(path + ".type", "expected String, Number or Boolean, found " + in_quotes(type));
    }
    if (reader.flag(entry, path, "queryable", false)) {
      if (++queryable == 2) reader.problem(path + ".queryable", "only one property can be queryable");
      if (!property.required || property.secret) {
        reader.problem(path + ".queryable", "a queryable property must be required and not secret");
      }
    }
    if (!name.empty() && !properties.emplace(name, property).second) {
      reader.problem(path + ".name", in_quotes(name) + " is there twice");
    }
  }
  return properties;
}

void check_link(Reader& reader, const std::string& path, const std::string& url,
                const std::map<std::string, Property>& properties) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    reader.problem(path, "expected an address that begins with https://, found " + in_quotes(url));
  }
  constexpr std::string_view kConfig = "{Config:";
  for (std::size_t at = url.find(kConfig); at != std::string::npos; at = url.find(kConfig, at + 1)) {
    const std::size_t end = url.find('}', at);
    const std::string name =
        url.substr(at + kConfig.size(), end == std::string::npos ? end : end - at - kConfig.size());
    const auto found = properties.find(name);
    if (found == properties.end()) {
      std::vector<std::string> known;
      for (const auto& [property, unused] : properties) known.push_back(property);
      const auto nearest = nearest_name(name, known);
      reader.problem(path, "{Config:" + name + "} names no property" +
                               (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : std::string()));
    } else if (!found->second.required || found->second.secret) {
      reader.problem(path, "{Config:" + name + "} must name a property that is required and not secret");
    }
  }
}

void check_artifacts(Reader& reader, const Json& root, const char* name, bool is_source) {
  const Json* details = json::find(root, name);
  if (details == nullptr) {
    reader.problem(name, "is missing");
    return;
  }
  if (!reader.check_object(*details, name, {"minimumCount", "maximumCount"})) return;
  const auto least = reader.count(*details, name, "minimumCount");
  const auto most = reader.count(*details, name, "maximumCount");
  if (!least || !most) return;
  if (*least > *most) reader.problem(name, "minimumCount is more than maximumCount");
  const std::int64_t expected = std::string_view(name) == "outputArtifactDetails" ? 1 : 0;
  if (is_source && (*least != expected || *most != expected)) {
    reader.problem(name,
                   "a source takes no artifact and makes exactly one: both counts must be " + std::to_string(expected));
  }
}

// What can be compared: absent members as their defaults, properties by their names.
std::map<std::string, std::string> comparable(const Json& type, const char* properties_name) {
  std::map<std::string, std::string> result;
  const auto each_member = [&](const Json* object, const std::string& path) {
    if (object == nullptr || !object->is_object()) return;
    for (const auto& [name, value] : object->items()) {
      const bool is_default = value.is_null() || value == Json(false) || value == Json("");
      if (name != "name" && !is_default) result[path + "." + name] = shown(value);
    }
  };
  for (const char* part : {"settings", "inputArtifactDetails", "outputArtifactDetails"}) {
    each_member(json::find(type, part), part);
  }
  if (const Json* properties = json::find(type, properties_name); properties != nullptr && properties->is_array()) {
    for (const Json& property : *properties) {
      const std::string name = json::string_or(property, "name");
      // The service adds this one itself (user guide, "Create a custom action").
      if (name == "JobList") continue;
      const std::string path = "property " + in_quotes(name);
      result[path] = "there";
      each_member(&property, path);
      result.emplace(path + ".type", in_quotes("String"));
    }
  }
  return result;
}

}  // namespace

ActionTypeDefinition ActionTypeDefinition::parse(std::string_view text, const std::string& file,
                                                 const std::string& public_url) {
  Json root = json::parse_json(text, file);
  Reader reader(file);
  ActionTypeDefinition definition;
  if (!reader.check_object(root, "",
                           {"category", "provider", "version", "settings", "configurationProperties",
                            "inputArtifactDetails", "outputArtifactDetails", "tags"})) {
    reader.finish();
  }
  definition.id_ = {reader.text(root, "", "category", 20, true), "Custom", reader.text(root, "", "provider", 35, true),
                    reader.text(root, "", "version", 9, true)};
  const std::vector<std::string> categories = {"Source", "Build", "Test", "Deploy", "Invoke", "Approval", "Compute"};
  const std::string& category = definition.id_.category;
  if (!category.empty() && std::find(categories.begin(), categories.end(), category) == categories.end()) {
    reader.problem("category", "expected Source, Build, Test, Deploy or Invoke, found " + in_quotes(category));
  }
  const std::map<std::string, Property> properties = check_properties(reader, root);
  if (const auto settings = root.find("settings"); settings != root.end()) {
    const std::vector<std::string> links = {"entityUrlTemplate", "executionUrlTemplate", "revisionUrlTemplate",
                                            "thirdPartyConfigurationUrl"};
    if (reader.check_object(*settings, "settings", links)) {
      for (const std::string& name : links) {
        std::string url = reader.text(*settings, "settings", name.c_str(), 2048, false);
        if (url.empty()) continue;
        const std::string path = "settings." + name;
        if (url.starts_with(kExampleOrigin)) {
          if (public_url.empty()) {
            reader.problem(path, in_quotes(kExampleOrigin) +
                                     " stands for your server: put its address there, or give --config with a "
                                     "configuration that has server.publicUrl");
          } else {
            url.replace(0, kExampleOrigin.size(), public_url);
            (*settings)[name] = url;
          }
        }
        check_link(reader, path, url, properties);
      }
    }
  }
  check_artifacts(reader, root, "inputArtifactDetails", category == "Source");
  check_artifacts(reader, root, "outputArtifactDetails", category == "Source");
  reader.finish();
  definition.json_ = json::dump(root);
  return definition;
}

std::vector<std::string> ActionTypeDefinition::differences(std::string_view existing) const {
  const auto wanted = comparable(json::parse_json(json_, "the definition"), "configurationProperties");
  const auto there = comparable(json::parse_json(existing, "the existing type"), "actionConfigurationProperties");
  std::set<std::string> paths;
  for (const auto& [path, value] : wanted) paths.insert(path);
  for (const auto& [path, value] : there) paths.insert(path);
  std::vector<std::string> differences;
  std::string missing;  // a property that only one side has: its members say nothing more
  for (const std::string& path : paths) {
    const auto mine = wanted.find(path);
    const auto theirs = there.find(path);
    if (mine != wanted.end() && theirs != there.end() && mine->second == theirs->second) continue;
    if (!missing.empty() && path.starts_with(missing + ".")) continue;
    const bool is_property = path.starts_with("property ") && path.ends_with('"');
    if (is_property) missing = path;
    differences.push_back(path + ": " + (mine == wanted.end() ? "not" : mine->second) + " in the definition, " +
                          (theirs == there.end() ? "not" : theirs->second) + " in the existing type");
  }
  return differences;
}

}  // namespace penstock::server
