#include "core/store/json_columns.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/json/json.h"

namespace penstock::store {
namespace {

using json::Json;

std::string encode(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Written by hand, as every delivery has them.
void append_text(std::string& out, const std::string& text) {
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (is_plain) {
    ((out += '"') += text) += '"';
  } else {
    out += encode(Json(text));
  }
}

// Runs `read` over the parsed text; whatever does not fit is corruption.
template <typename Read>
auto decode(std::string_view text, Read&& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kCorrupt, "reading a stored list: " + std::string(error.what()));
  }
}

std::string encode_object(const std::map<std::string, double>& map) {
  Json object = Json::object();
  // Keys of a std::map are distinct, so there is nothing to search for.
  for (const auto& [key, value] : map) object.push_back({key, Json(value)});
  return encode(object);
}

template <typename Value>
std::map<std::string, Value> decode_object(std::string_view text) {
  return decode(text, [](const Json& object) {
    std::map<std::string, Value> map;
    for (const auto& [key, value] : object.items()) map.emplace(key, value.template get<Value>());
    return map;
  });
}

}  // namespace

std::string encode_map(const std::map<std::string, std::string>& map) {
  std::string out = "{";
  for (const auto& [key, value] : map) {
    if (out.size() > 1) out += ',';
    append_text(out, key);
    out += ':';
    append_text(out, value);
  }
  return out += '}';
}
std::map<std::string, std::string> decode_map(std::string_view text) {
  return decode_object<std::string>(text);
}
std::string encode_phases(const std::map<std::string, double>& phases) {
  return phases.empty() ? "{}" : encode_object(phases);
}
std::map<std::string, double> decode_phases(std::string_view text) {
  return decode_object<double>(text);
}

std::string encode_ref_updates(const std::vector<RefUpdateRecord>& updates) {
  std::string out = "[";
  for (const auto& update : updates) {
    out += out.size() > 1 ? ",[" : "[";
    append_text(out, update.name);
    out += ',';
    append_text(out, update.old_object_id);
    out += ',';
    append_text(out, update.new_object_id);
    out += ']';
  }
  return out += ']';
}

std::vector<RefUpdateRecord> decode_ref_updates(std::string_view text) {
  return decode(text, [](const Json& list) {
    std::vector<RefUpdateRecord> updates;
    for (const Json& entry : list) {
      updates.push_back({.name = entry.at(0).get<std::string>(),
                         .old_object_id = entry.at(1).get<std::string>(),
                         .new_object_id = entry.at(2).get<std::string>()});
    }
    return updates;
  });
}

std::string encode_integers(const std::vector<std::int64_t>& values) {
  std::string out = "[";
  for (const std::int64_t value : values) {
    if (out.size() > 1) out += ',';
    out += std::to_string(value);
  }
  return out += ']';
}
std::vector<std::int64_t> decode_integers(std::string_view text) {
  return decode(text, [](const Json& list) { return list.get<std::vector<std::int64_t>>(); });
}

}  // namespace penstock::store
