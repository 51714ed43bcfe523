#include "tests/sandbox/validation.h"

#include <sstream>

#include "core/base/digest.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

using json::Json;

long count_characters(const std::string& text) {
  long count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  return count;
}

std::string shown(const Json& value) {
  auto text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() > 200) text = text.substr(0, 200) + "...";
  return text;
}

long parse_bound(const std::string& text) {
  return text == "-" ? -1 : std::stol(text);
}

}  // namespace

Shapes::Shapes(std::string_view table) {
  std::istringstream lines{std::string(table)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string name, kind, word, min, max;
    if (!(words >> name >> kind)) continue;
    Shape shape;
    if (kind == "string" || kind == "integer") {
      shape.kind = kind == "string" ? Kind::kString : Kind::kInteger;
      words >> min >> max;
      shape.min = parse_bound(min);
      shape.max = parse_bound(max);
      if (words >> word) {
        shape.pattern_text = word;
        shape.pattern = std::make_unique<Regex>(word);
      }
    } else if (kind == "boolean") {
      shape.kind = Kind::kBoolean;
    } else if (kind == "timestamp") {
      shape.kind = Kind::kTimestamp;
    } else if (kind == "blob") {
      shape.kind = Kind::kBlob;
      words >> max;
      shape.max = parse_bound(max);
    } else if (kind == "enum") {
      shape.kind = Kind::kEnum;
      while (words >> word) shape.values.push_back(word);
    } else if (kind == "list") {
      shape.kind = Kind::kList;
      words >> min >> max >> shape.member;
      shape.min = parse_bound(min);
      shape.max = parse_bound(max);
    } else if (kind == "map") {
      shape.kind = Kind::kMap;
      words >> min >> max >> shape.key >> shape.member;
      shape.min = parse_bound(min);
      shape.max = parse_bound(max);
    } else if (kind == "struct") {
      shape.kind = Kind::kStruct;
      while (words >> word) {
        const auto colon = word.find(':');
        Member member{word.substr(0, colon), word.substr(colon + 1)};
        if (member.name.ends_with('*')) {
          member.required = true;
          member.name.pop_back();
        }
        shape.members.push_back(std::move(member));
      }
    } else {
      throw std::logic_error("reading the shape table: \"" + line + "\"");
    }
    shapes_.emplace(name, std::move(shape));
  }
  for (const auto& [name, shape] : shapes_) {  // every name that is used must exist
    if (!shape.key.empty()) get(shape.key);
    if (!shape.member.empty()) get(shape.member);
    for (const auto& member : shape.members) get(member.shape);
  }
}

const Shapes::Shape& Shapes::get(std::string_view name) const {
  const auto found = shapes_.find(name);
  if (found == shapes_.end()) throw std::logic_error("reading the shape table: no shape \"" + std::string(name) + "\"");
  return found->second;
}

bool Shapes::knows(std::string_view name) const {
  return shapes_.contains(name);
}

void Shapes::check(std::string_view shape, const Json& value) const {
  std::vector<std::string> violations;
  check(get(shape), value, "", violations);
  if (violations.empty()) return;
  std::string message =
      std::to_string(violations.size()) + " validation error" + (violations.size() > 1 ? "s" : "") + " detected: ";
  for (std::size_t i = 0; i < violations.size(); ++i) message += (i ? "; " : "") + violations[i];
  throw ServiceError(400, "ValidationException", message);
}

void Shapes::check(const Shape& shape, const Json& value, const std::string& path,
                   std::vector<std::string>& violations) const {
  const auto expect = [&](bool is_expected, const char* type) {
    if (!is_expected) {
      throw ServiceError(400, "SerializationException",
                         "'" + (path.empty() ? std::string("request") : path) + "' must be of type " + type);
    }
  };
  const auto violate = [&](const std::string& constraint) {
    violations.push_back("Value '" + shown(value) + "' at '" + path + "' failed to satisfy constraint: " + constraint);
  };
  const auto bounds = [&](long size) {
    if (size < shape.min) violate("Member must have length greater than or equal to " + std::to_string(shape.min));
    if (shape.max >= 0 && size > shape.max) {
      violate("Member must have length less than or equal to " + std::to_string(shape.max));
    }
  };
  switch (shape.kind) {
    case Kind::kString:
      expect(value.is_string(), "string");
      bounds(count_characters(value.get_ref<const std::string&>()));
      if (shape.pattern && !shape.pattern->matches_whole(value.get_ref<const std::string&>())) {
        violate("Member must satisfy regular expression pattern: " + shape.pattern_text);
      }
      return;
    case Kind::kInteger:
      expect(value.is_number_integer(), "integer");
      if (value.get<long>() < shape.min)
        violate("Member must have value greater than or equal to " + std::to_string(shape.min));
      if (shape.max >= 0 && value.get<long>() > shape.max) {
        violate("Member must have value less than or equal to " + std::to_string(shape.max));
      }
      return;
    case Kind::kBoolean:
      expect(value.is_boolean(), "boolean");
      return;
    case Kind::kTimestamp:
      expect(value.is_number(), "timestamp (seconds since 1970)");
      return;
    case Kind::kBlob: {
      expect(value.is_string(), "blob");
      const auto bytes = from_base64(value.get_ref<const std::string&>());
      expect(bytes.has_value(), "blob (base64)");
      bounds(static_cast<long>(bytes->size()));
      return;
    }
    case Kind::kEnum: {
      expect(value.is_string(), "string");
      std::string all;
      for (const auto& known : shape.values) {
        if (known == value.get_ref<const std::string&>()) return;
        all += (all.empty() ? "" : ", ") + known;
      }
      violate("Member must satisfy enum value set: [" + all + "]");
      return;
    }
    case Kind::kList: {
      expect(value.is_array(), "list");
      bounds(static_cast<long>(value.size()));
      std::size_t index = 0;
      for (const auto& element : value) {
        check(get(shape.member), element, path + "." + std::to_string(++index) + ".member", violations);
      }
      return;
    }
    case Kind::kMap:
      expect(value.is_object(), "map");
      bounds(static_cast<long>(value.size()));
      for (const auto& [key, element] : value.items()) {
        check(get(shape.key), Json(key), path + ".key", violations);
        check(get(shape.member), element, path + "." + key, violations);
      }
      return;
    case Kind::kStruct:
      expect(value.is_object(), "structure");
      for (const auto& member : shape.members) {
        const auto member_path = path.empty() ? member.name : path + "." + member.name;
        const auto found = value.find(member.name);
        if (found != value.end() && !found->is_null()) {
          check(get(member.shape), *found, member_path, violations);
        } else if (member.required) {
          violations.push_back("Value null at '" + member_path +
                               "' failed to satisfy constraint: Member must not be null");
        }
      }
      return;
  }
}

}  // namespace penstock::sandbox
