// The documented members, patterns and limits of the JSON services, as a table, and the check of a request against it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/regex.h"
#include "core/json/json.h"

namespace penstock::sandbox {

// Immutable after construction, thread-safe.
class Shapes {
 public:
  // One shape a line:
  //   NAME string MIN MAX [PATTERN] | NAME integer MIN MAX | NAME boolean | NAME timestamp | NAME blob MAX
  //   NAME enum VALUE…  | NAME list MIN MAX MEMBER | NAME map MIN MAX KEY VALUE | NAME struct MEMBER:SHAPE
  //   MEMBER*:SHAPE …
  // A "-" for MAX is no bound; a member with "*" is required. A request's shape bears its operation's name.
  explicit Shapes(std::string_view table);

  bool knows(std::string_view name) const;
  // Throws ServiceError: SerializationException for a wrong JSON type, ValidationException with every violation.
  void check(std::string_view shape, const json::Json& value) const;

 private:
  enum class Kind { kString, kInteger, kBoolean, kTimestamp, kBlob, kEnum, kList, kMap, kStruct };
  struct Member {
    std::string name, shape;
    bool required = false;
  };
  struct Shape {
    Kind kind = Kind::kString;
    long min = 0, max = -1;
    std::string pattern_text;
    std::unique_ptr<Regex> pattern;
    std::vector<std::string> values;
    std::string key, member;
    std::vector<Member> members;
  };
  void check(const Shape& shape, const json::Json& value, const std::string& path,
             std::vector<std::string>& violations) const;
  const Shape& get(std::string_view name) const;

  std::map<std::string, Shape, std::less<>> shapes_;
};

const Shapes& codepipeline_shapes();
const Shapes& secrets_manager_shapes();

}  // namespace penstock::sandbox
