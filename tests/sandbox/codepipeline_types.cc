// Custom action types and tags.
#include <algorithm>

#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxCustomTypes = 50;

// {Config:name} may name only properties that every action has and anybody may see.
void check_url_template(const ActionType& type, const std::string& member, const std::string& url) {
  constexpr std::string_view kPrefix = "{Config:";
  for (auto at = url.find(kPrefix); at != std::string::npos; at = url.find(kPrefix, at + 1)) {
    const auto end = url.find('}', at);
    const auto name = url.substr(at + kPrefix.size(), end == std::string::npos ? 0 : end - at - kPrefix.size());
    const auto* property = type.find_property(name);
    if (!property || !property->required || property->secret) {
      throw ServiceError(400, "ValidationException",
                         "settings." + member + " uses {Config:" + name +
                             "}, which must be a property that is required and not secret");
    }
  }
}

Json type_json(const ActionType& type) {
  Json properties = Json::array();
  for (const auto& property : type.properties) {
    Json entry = {{"name", property.name},
                  {"required", property.required},
                  {"key", property.key},
                  {"secret", property.secret},
                  {"queryable", property.queryable}};
    if (!property.description.empty()) entry["description"] = property.description;
    if (!property.type.empty()) entry["type"] = property.type;
    properties.push_back(std::move(entry));
  }
  Json result = {{"id", action_type_json(type.id())}};
  if (!type.settings.empty()) result["settings"] = type.settings;
  result["actionConfigurationProperties"] = std::move(properties);
  result["inputArtifactDetails"] = {{"minimumCount", type.min_inputs}, {"maximumCount", type.max_inputs}};
  result["outputArtifactDetails"] = {{"minimumCount", type.min_outputs}, {"maximumCount", type.max_outputs}};
  return result;
}

}  // namespace

Json CodePipeline::create_custom_action_type(const Json& input, const Caller&) {
  auto type = make_type(input, "Custom");
  if (const auto* tags = json::find(input, "tags")) type.tags = *tags;
  touch(type);
  Json result = {{"actionType", type_json(type)}, {"tags", type.tags}};
  types_[type.id()] = std::move(type);
  return result;
}

ActionType CodePipeline::make_type(const Json& input, const std::string& owner) const {
  ActionType type;
  type.category = input.at("category").get<std::string>();
  type.owner = owner;
  type.provider = input.at("provider").get<std::string>();
  type.version = input.at("version").get<std::string>();
  if (types_.contains(type.id())) {
    throw ServiceError(400, "ValidationException",
                       types_.at(type.id()).deleted
                           ? "The action type " + type.id() + " was deleted; its version cannot be used again"
                           : "The action type " + type.id() + " exists already");
  }
  const auto live =
      std::count_if(types_.begin(), types_.end(), [](const auto& entry) { return !entry.second.deleted; });
  if (static_cast<std::size_t>(live) >= kMaxCustomTypes) {
    throw ServiceError(400, "LimitExceededException", "There are 50 custom action types already");
  }
  if (const auto* properties = json::find(input, "configurationProperties")) {
    int queryable = 0;
    for (const auto& entry : *properties) {
      ActionProperty property;
      property.name = entry.at("name").get<std::string>();
      property.required = entry.at("required").get<bool>();
      property.key = entry.at("key").get<bool>();
      property.secret = entry.at("secret").get<bool>();
      property.queryable = entry.value("queryable", false);
      property.description = json::string_or(entry, "description");
      property.type = json::string_or(entry, "type");
      if (type.find_property(property.name)) {
        throw ServiceError(400, "ValidationException", "The property '" + property.name + "' is there twice");
      }
      if (property.queryable) {
        if (++queryable > 1) throw ServiceError(400, "ValidationException", "Only one property can be queryable");
        if (!property.required || property.secret) {
          throw ServiceError(400, "ValidationException",
                             "The queryable property '" + property.name + "' must be required and not secret");
        }
      }
      type.properties.push_back(std::move(property));
    }
  }
  const auto& inputs = input.at("inputArtifactDetails");
  const auto& outputs = input.at("outputArtifactDetails");
  type.min_inputs = inputs.at("minimumCount").get<int>();
  type.max_inputs = inputs.at("maximumCount").get<int>();
  type.min_outputs = outputs.at("minimumCount").get<int>();
  type.max_outputs = outputs.at("maximumCount").get<int>();
  if (type.min_inputs > type.max_inputs || type.min_outputs > type.max_outputs) {
    throw ServiceError(400, "ValidationException", "minimumCount must not be greater than maximumCount");
  }
  if (type.category == "Source" && (type.max_inputs != 0 || type.min_outputs != 1 || type.max_outputs != 1)) {
    throw ServiceError(400, "ValidationException",
                       "A Source action takes no input artifact and makes exactly one output artifact");
  }
  if (const auto* settings = json::find(input, "settings")) {
    type.settings = *settings;
    for (const auto& [member, url] : settings->items()) {
      if (url.is_string()) check_url_template(type, member, url.get<std::string>());
    }
  }
  return type;
}

Json CodePipeline::delete_custom_action_type(const Json& input, const Caller&) {
  const auto id = input.at("category").get<std::string>() + "/Custom/" + input.at("provider").get<std::string>() + "/" +
                  input.at("version").get<std::string>();
  if (const auto found = types_.find(id); found != types_.end()) {
    found->second.deleted = true;
    touch(found->second);
  }
  return Json();
}

Json CodePipeline::list_action_types(const Json& input, const Caller&) {
  const auto owner = json::string_or(input, "actionOwnerFilter");
  Json list = Json::array();
  for (const auto& [id, type] : types_) {
    if (!type.deleted && (owner.empty() || type.owner == owner)) list.push_back(type_json(type));
  }
  return {{"actionTypes", std::move(list)}};
}

Json* CodePipeline::find_tags(const std::string& arn) {
  for (auto& [name, pipeline] : pipelines_) {
    if (pipeline.arn == arn) return &pipeline.tags;
  }
  for (auto& [id, type] : types_) {
    if (arn.ends_with(":actiontype:" + type.owner + "/" + type.category + "/" + type.provider + "/" + type.version)) {
      return &type.tags;
    }
  }
  throw ServiceError(400, "ResourceNotFoundException", "No resource " + arn);
}

Json CodePipeline::list_tags_for_resource(const Json& input, const Caller&) {
  return {{"tags", *find_tags(input.at("resourceArn").get<std::string>())}};
}

Json CodePipeline::tag_resource(const Json& input, const Caller&) {
  auto& tags = *find_tags(input.at("resourceArn").get<std::string>());
  Json updated = tags;
  for (const auto& tag : input.at("tags")) {
    const auto same =
        std::find_if(updated.begin(), updated.end(), [&](const Json& t) { return t.at("key") == tag.at("key"); });
    if (same == updated.end()) {
      updated.push_back(tag);
    } else {
      *same = tag;
    }
  }
  if (updated.size() > 50) throw ServiceError(400, "TooManyTagsException", "A resource has at most 50 tags");
  tags = std::move(updated);
  for (const auto& [name, pipeline] : pipelines_) touch(pipeline);
  for (const auto& [id, type] : types_) touch(type);
  return Json::object();
}

Json CodePipeline::untag_resource(const Json& input, const Caller&) {
  auto& tags = *find_tags(input.at("resourceArn").get<std::string>());
  Json kept = Json::array();
  for (const auto& tag : tags) {
    const auto& keys = input.at("tagKeys");
    if (std::find(keys.begin(), keys.end(), tag.at("key")) == keys.end()) kept.push_back(tag);
  }
  tags = std::move(kept);
  for (const auto& [name, pipeline] : pipelines_) touch(pipeline);
  for (const auto& [id, type] : types_) touch(type);
  return Json::object();
}

}  // namespace penstock::sandbox
