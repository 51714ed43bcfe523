// The tests' own door, /_sandbox/: faults, settings, what happened so far, and what is there from the start.
#include "core/base/text.h"
#include "tests/sandbox/sandbox.h"

namespace penstock::sandbox {
namespace {

using json::Json;

constexpr std::size_t kMaxAdminBody = 16u << 20;

Response json_response(const Json& value) {
  Response response;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = json::dump(value) + "\n";
  return response;
}

Milliseconds seconds_member(const std::string& name, const Json& value) {
  if (!value.is_number()) throw ServiceError(400, "InvalidSetting", "\"" + name + "\" must be a number of seconds");
  return Milliseconds(static_cast<std::int64_t>(value.get<double>() * 1000));
}

double to_seconds(Milliseconds value) {
  return static_cast<double>(value.count()) / 1000.0;
}

}  // namespace

Json Sandbox::settings_json() const {
  return {{"reofferSeconds", to_seconds(settings_.reoffer)},
          {"credentialLifetimeSeconds", to_seconds(settings_.credential_lifetime)},
          {"continuationDelaySeconds", to_seconds(settings_.continuation_delay)},
          {"jobTimeoutSeconds", to_seconds(settings_.job_timeout)},
          {"clockSkewSeconds", to_seconds(settings_.clock_skew)},
          {"stackSeconds", to_seconds(settings_.stack_duration)},
          {"startOnCreate", settings_.start_on_create.load()},
          {"eventQueue", sqs_.event_queue()}};
}

void Sandbox::apply_settings(const Json& settings) {
  for (const auto& [name, value] : settings.items()) {
    if (name == "reofferSeconds") {
      settings_.reoffer = seconds_member(name, value);
    } else if (name == "credentialLifetimeSeconds") {
      settings_.credential_lifetime = seconds_member(name, value);
    } else if (name == "continuationDelaySeconds") {
      settings_.continuation_delay = seconds_member(name, value);
    } else if (name == "jobTimeoutSeconds") {
      settings_.job_timeout = seconds_member(name, value);
    } else if (name == "clockSkewSeconds") {
      settings_.clock_skew = seconds_member(name, value);
    } else if (name == "stackSeconds") {
      settings_.stack_duration = seconds_member(name, value);
    } else if (name == "startOnCreate" && value.is_boolean()) {
      settings_.start_on_create = value.get<bool>();
    } else if (name == "eventQueue" && value.is_string()) {
      sqs_.set_event_queue(value.get<std::string>());  // its name; it need not exist yet
    } else {
      throw ServiceError(400, "InvalidSetting", "\"" + name + "\" is no setting or has the wrong type");
    }
  }
}

void Sandbox::apply_seed(const Json& seed) {
  for (const auto& [name, value] : seed.items()) {
    static const std::set<std::string> kKnown{"settings", "region",      "keys",     "buckets",
                                              "secrets",  "actionTypes", "pipelines"};
    if (!kKnown.contains(name)) throw ServiceError(400, "InvalidSeed", "\"" + name + "\" is no member of a seed");
  }
  const Caller caller{std::string(kDefaultAccount), json::string_or(seed, "region", "us-east-1"), "seed"};
  // What is there already, from an earlier run with the same data, stays as it is.
  const auto unless_there = [](const auto& create) {
    try {
      create();
    } catch (const ServiceError& error) {
      static const std::set<std::string> kThere{"BucketAlreadyOwnedByYou", "ResourceExistsException",
                                                "PipelineNameInUseException"};
      if (!kThere.contains(error.code) &&
          std::string_view(error.what()).find("exists already") == std::string_view::npos)
        throw;
    }
  };
  if (const auto* settings = json::find(seed, "settings")) apply_settings(*settings);
  if (const auto* keys = json::find(seed, "keys")) {
    for (const auto& key : *keys) {
      AccessKey entry;
      entry.id = key.at("accessKeyId").get<std::string>();
      entry.secret = key.at("secretAccessKey").get<std::string>();
      entry.account = json::string_or(key, "account", kDefaultAccount);
      if (const auto* denied = json::find(key, "denied")) entry.denied = denied->get<std::set<std::string>>();
      keys_->add(std::move(entry));
    }
  }
  if (const auto* buckets = json::find(seed, "buckets")) {
    for (const auto& bucket : *buckets) {
      unless_there([&] {
        if (bucket.is_string()) {
          s3_->create_bucket(bucket.get<std::string>(), "", caller.account, false);
        } else {
          s3_->create_bucket(bucket.at("name").get<std::string>(), json::string_or(bucket, "region"),
                             json::string_or(bucket, "account", caller.account),
                             json::string_or(bucket, "encryptionPolicy") == "none");
        }
      });
    }
  }
  if (const auto* secrets = json::find(seed, "secrets")) {
    for (const auto& secret : *secrets) {
      Json input = {{"Name", secret.at("name")}};
      if (const auto* binary = json::find(secret, "binary")) {
        input["SecretBinary"] = *binary;
      } else {
        const auto& value = secret.at("value");
        input["SecretString"] = value.is_string() ? value : Json(value.dump());
      }
      unless_there([&] { secrets_->call("CreateSecret", input, caller); });
    }
  }
  if (const auto* types = json::find(seed, "actionTypes")) {
    for (const auto& type : *types) {
      unless_there([&] { codepipeline_->call("CreateCustomActionType", type, caller); });
    }
  }
  if (const auto* pipelines = json::find(seed, "pipelines")) {
    for (const auto& pipeline : *pipelines) {
      const auto input = pipeline.contains("pipeline") ? pipeline : Json{{"pipeline", pipeline}};
      unless_there([&] { codepipeline_->call("CreatePipeline", input, caller); });
    }
  }
}

Response Sandbox::handle_admin(Request& request) {
  if (!request.from_loopback) throw ServiceError(403, "AccessDenied", "/_sandbox/ is for this machine only");
  const auto what = request.path.size() > 10 ? request.path.substr(10) : std::string();
  if (request.method == "GET" && what == "health") return json_response({{"status", "ok"}});
  if (request.method == "GET" && what == "settings") return json_response(settings_json());
  if (request.method == "GET" && what == "state") {
    std::string pipeline;
    for (const auto& [name, value] : parse_query(request.query, Protocol::kJson)) {
      if (name == "pipeline") pipeline = value;
    }
    auto state = codepipeline_->dump(pipeline);
    state["s3"] = s3_->dump();
    state["queues"] = sqs_.dump();
    state["settings"] = settings_json();
    state["faults"] = faults_.counts();
    std::lock_guard lock(mutex_);
    state["calls"] = Json::object();
    state["outcomes"] = Json::object();
    for (const auto& [operation, outcomes] : counts_) {
      std::int64_t total = 0;
      for (const auto& [outcome, calls] : outcomes) total += calls;
      state["calls"][operation] = total;
      state["outcomes"][operation] = outcomes;
    }
    state["signatureFailures"] = signature_failures_;
    state["lastSignatureFailures"] = last_signature_failures_;
    return json_response(state);
  }
  if (request.method != "POST") throw ServiceError(404, "NotFound", "no such page");
  const auto body = request.read_all(kMaxAdminBody);
  if (what == "reset-faults") {
    faults_.reset();
    return json_response(Json::object());
  }
  const auto input = json::parse_json(body, "the request");
  if (what == "faults") {
    faults_.configure(input);
    if (input.value("expireCredentials", false)) keys_->expire_sessions(clock_.now());
    return json_response(Json::object());
  }
  if (what == "settings") {
    apply_settings(input);
    return json_response(settings_json());
  }
  if (what == "third-party-types") return json_response(codepipeline_->add_third_party_type(input));
  if (what == "seed") {
    apply_seed(input);
    return json_response(Json::object());
  }
  throw ServiceError(404, "NotFound", "no such page");
}

}  // namespace penstock::sandbox
