#include "tests/sandbox/sandbox.h"

#include <array>
#include <cstdio>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock::sandbox {
namespace {

using json::Json;

constexpr std::size_t kMaxJsonBody = 1u << 20;
// SQS's largest message, and what JSON makes of it.
constexpr std::size_t kMaxQueueBody = 8u << 20;
constexpr auto kTick = std::chrono::milliseconds(250);

// Under the name by which the client knows us.
std::string queue_base(const Request& request) {
  return "http://" + request.header("Host");
}

std::string load_sealing_key(const std::optional<std::filesystem::path>& data) {
  std::array<std::byte, 32> bytes;
  fill_random(bytes);
  const auto fresh = to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!data) return fresh;
  const auto path = *data / "sealing-key";
  if (std::filesystem::exists(path)) return read_file(path, 1024);
  write_file_atomically(path, fresh, 0600);
  return fresh;
}

}  // namespace

Response render_error(const ServiceError& error, Protocol protocol, const Request& request) {
  Response response;
  response.status = error.status;
  switch (protocol) {
    case Protocol::kJson:
      response.headers.push_back({"Content-Type", "application/x-amz-json-1.1"});
      response.headers.push_back({"x-amzn-ErrorType", error.code});
      response.body = json::dump(Json{{"__type", error.code}, {"message", error.what()}});
      break;
    case Protocol::kQuery:
      response.headers.push_back({"Content-Type", "text/xml"});
      response.body = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>" +
                      std::string(error.status >= 500 ? "Receiver" : "Sender") + "</Type><Code>" + error.code +
                      "</Code><Message>" + escape_xml(error.what()) + "</Message></Error><RequestId>" + make_uuid_v4() +
                      "</RequestId></ErrorResponse>";
      break;
    case Protocol::kS3: {
      std::string details;
      for (const auto& [name, value] : error.details) {
        details += "<" + name + ">" + escape_xml(value) + "</" + name + ">";
        if (name == "Region") response.headers.push_back({"x-amz-bucket-region", value});
      }
      auto document = xml_response(error.status, "<Error><Code>" + error.code + "</Code><Message>" +
                                                     escape_xml(error.what()) + "</Message>" + details + "<RequestId>" +
                                                     make_uuid_v4() + "</RequestId><HostId>sandbox</HostId></Error>");
      if (request.method == "HEAD") {
        document.length_only = 0;
        document.body.clear();
      }
      for (auto& header : response.headers) document.headers.push_back(std::move(header));
      return document;
    }
  }
  return response;
}

Sandbox::Sandbox(SandboxOptions options)
    : options_(std::move(options)), clock_(settings_), journal_([this] {
        if (options_.data) {
          std::filesystem::create_directories(*options_.data);
          folder_ = *options_.data;
          return std::optional(folder_ / "journal.jsonl");
        }
        temporary_.emplace();
        folder_ = temporary_->path();
        return std::optional<std::filesystem::path>();
      }()) {
  keys_ = std::make_unique<KeyRing>(load_sealing_key(options_.data));
  codepipeline_ = std::make_unique<CodePipeline>(journal_, *keys_, settings_, clock_,
                                                 [this](const Json& event) { sqs_.deliver_event(event); });
  secrets_ = std::make_unique<SecretsManager>(journal_, clock_);
  s3_ = std::make_unique<S3>(folder_ / "objects", journal_, clock_,
                             [this](const std::string& bucket) { return codepipeline_->is_artifact_bucket(bucket); });
  cloudformation_ = std::make_unique<CloudFormation>(
      settings_, clock_, [this](const std::string& bucket, const std::string& key) { return s3_->read(bucket, key); });
  journal_.load([this](std::string_view kind, const Json& value) {
    codepipeline_->restore(kind, value);
    s3_->restore(kind, value);
    if (kind == "secret") secrets_->restore(value);
  });
  codepipeline_->restored();
  if (!options_.seed.empty()) apply_seed(json::parse_json(options_.seed, "the seed"));
  ticker_ = std::thread([this] {
    std::unique_lock lock(ticker_mutex_);
    while (!ticker_wake_.wait_for(lock, kTick, [this] { return stopping_; })) codepipeline_->tick();
  });
  server_ = std::make_unique<HttpServer>(HttpServer::Options{.address = options_.address, .port = options_.port},
                                         [this](Request& request) { return handle(request); });
}

Sandbox::~Sandbox() {
  sqs_.stop();
  if (server_) server_->stop();
  {
    std::lock_guard lock(ticker_mutex_);
    stopping_ = true;
  }
  ticker_wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
}

std::string Sandbox::url() const {
  const bool is_v6 = options_.address.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + options_.address + "]" : options_.address) + ":" + std::to_string(port());
}

void Sandbox::count(const std::string& operation, const std::string& outcome) {
  std::lock_guard lock(mutex_);
  ++counts_[operation][outcome];
}

Verified Sandbox::verify(const Request& request, const std::optional<std::string>& hash, Protocol protocol,
                         const std::string& operation) {
  try {
    return verify_signature(request, hash, protocol, *keys_, clock_.now());
  } catch (const ServiceError& error) {
    std::lock_guard lock(mutex_);
    ++signature_failures_;
    last_signature_failures_.push_back(operation + ": " + error.code + ": " + error.what());
    if (last_signature_failures_.size() > 50) last_signature_failures_.pop_front();
    throw;
  }
}

void Sandbox::check_allowed(const Identity& identity, const std::string& service, const std::string& operation,
                            Protocol protocol) const {
  const bool is_denied =
      identity.denied.contains(service + ":" + operation) || identity.denied.contains(service + ":*");
  if (!is_denied && (!identity.grants || service == "s3" || operation == "GetCallerIdentity")) return;
  if (protocol == Protocol::kS3) throw ServiceError(403, "AccessDenied", "Access Denied");
  throw ServiceError(403, protocol == Protocol::kJson ? "AccessDeniedException" : "AccessDenied",
                     "User: " + identity.arn + " is not authorized to perform: " + service + ":" + operation);
}

Response Sandbox::with_fault(Request& request, Protocol protocol, const std::string& operation,
                             const std::function<Response(const Fault&)>& act) {
  const auto fault = faults_.draw(operation);
  if (fault.delay.count() > 0) std::this_thread::sleep_for(fault.delay);
  Response response;
  const auto unanswered = fault.variant ? Delivery::kResetUnanswered : Delivery::kCloseUnanswered;
  if (fault.kind == FaultKind::kDrop) {
    count(operation, "dropped");
    response.delivery = unanswered;
    return response;
  }
  try {
    if (fault.kind == FaultKind::kThrottle) {
      if (protocol == Protocol::kS3) throw ServiceError(503, "SlowDown", "Please reduce your request rate.");
      throw ServiceError(400, protocol == Protocol::kJson ? "ThrottlingException" : "Throttling", "Rate exceeded");
    }
    if (fault.kind == FaultKind::kServerError) {
      if (fault.variant) throw ServiceError(503, "ServiceUnavailable", "Please try again.");
      throw ServiceError(500, protocol == Protocol::kS3 ? "InternalError" : "InternalFailure",
                         "We encountered an internal error. Please try again.");
    }
    response = act(fault);
    count(operation, "ok");
  } catch (const ServiceError& error) {
    count(operation, error.code);
    response = render_error(error, protocol, request);
  } catch (const BodyError&) {
    count(operation, "bodyBroken");
    response.delivery = Delivery::kCloseUnanswered;
    return response;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", operation.c_str(), error.what());
    count(operation, "InternalFailure");
    response =
        render_error(ServiceError(500, protocol == Protocol::kS3 ? "InternalError" : "InternalFailure", error.what()),
                     protocol, request);
  }
  const auto id = make_uuid_v4();
  if (protocol == Protocol::kS3) {
    response.headers.push_back({"x-amz-request-id", id});
    response.headers.push_back({"x-amz-id-2", "sandbox"});
  } else {
    response.headers.push_back({"x-amzn-RequestId", id});
  }
  if (fault.kind == FaultKind::kDropAfter) response.delivery = unanswered;
  if (fault.kind == FaultKind::kCutShort) response.delivery = Delivery::kCutShort;
  return response;
}

Response Sandbox::handle(Request& request) {
  Response response;
  if (request.path.starts_with("/_sandbox/") || request.path == "/_sandbox") {
    try {
      response = request.path.starts_with("/_sandbox/console") ? handle_console(request) : handle_admin(request);
    } catch (const ServiceError& error) {
      response = render_error(error, Protocol::kJson, request);
    } catch (const std::exception& error) {
      response = render_error(ServiceError(400, "BadRequest", error.what()), Protocol::kJson, request);
    }
  } else if (const auto target = request.header("X-Amz-Target"); !target.empty()) {
    const auto dot = target.find('.');
    const auto prefix = target.substr(0, dot);
    const auto operation = dot == std::string::npos ? std::string() : target.substr(dot + 1);
    const std::string service = prefix == "CodePipeline_20150709" ? "codepipeline"
                                : prefix == "secretsmanager"      ? "secretsmanager"
                                : prefix == "AmazonSQS"           ? "sqs"
                                                                  : "";
    response = with_fault(request, Protocol::kJson, operation,
                          [&](const Fault& fault) { return handle_json(request, fault, service, operation); });
  } else if (scope_service(request) == "sts" || scope_service(request) == "sqs" ||
             (request.method == "POST" && request.path == "/" &&
              request.header("Content-Type").starts_with("application/x-www-form-urlencoded"))) {
    std::string body;
    Form form;
    std::string operation = "Unknown";
    try {
      body = request.read_all(scope_service(request) == "sqs" ? kMaxQueueBody : kMaxJsonBody);
      form = parse_form(body);
      if (form.contains("Action")) operation = form.at("Action");
    } catch (const std::exception&) {  // the call below says so
    }
    response = with_fault(request, Protocol::kQuery, operation,
                          [&](const Fault&) { return handle_query(request, body, form); });
  } else {
    S3Target target_;
    try {
      target_ = parse_s3_target(request);
    } catch (const ServiceError&) {
      target_.operation = "Unknown";
    }
    response = with_fault(request, Protocol::kS3, target_.operation,
                          [&](const Fault& fault) { return handle_s3(request, target_, fault); });
  }
  response.headers.push_back({"Date", http_date(to_milliseconds(clock_.now()))});
  return response;
}

Response Sandbox::handle_json(Request& request, const Fault&, const std::string& service,
                              const std::string& operation) {
  std::string body;
  try {
    body = request.read_all(service == "sqs" ? kMaxQueueBody : kMaxJsonBody);
  } catch (const std::length_error&) {
    throw ServiceError(413, "RequestEntityTooLargeException", "The request is longer than 1 MiB");
  }
  const std::string content_type = service == "sqs" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
  if (service.empty() || request.method != "POST" || request.path != "/" ||
      !request.header("Content-Type").starts_with(content_type)) {
    throw ServiceError(404, "UnknownOperationException", "POST / with a known X-Amz-Target and " + content_type);
  }
  const auto verified = verify(request, sha256_hex(body), Protocol::kJson, operation);
  if (verified.service != service) {
    throw ServiceError(403, "InvalidSignatureException",
                       "Credential should be scoped to correct service: '" + service + "'.");
  }
  check_allowed(verified.identity, service, operation, Protocol::kJson);
  Json input;
  try {
    input = json::parse_json(body, "the request");
  } catch (const Error& error) {
    throw ServiceError(400, "SerializationException", error.what());
  }
  const Caller caller{verified.identity.account, verified.region, verified.identity.arn};
  const auto output = service == "codepipeline" ? codepipeline_->call(operation, input, caller)
                      : service == "sqs"
                          ? sqs_.call(operation, input, queue_base(request), caller.account, caller.region)
                          : secrets_->call(operation, input, caller);
  Response response;
  response.headers.push_back({"Content-Type", content_type});
  if (!output.is_null()) response.body = json::dump(output);
  return response;
}

Response Sandbox::handle_query(Request& request, const std::string& body, const Form& form) {
  const auto action = form.find("Action");
  if (action != form.end() && action->second == "AssumeRoleWithWebIdentity") {
    return call_sts(form, std::nullopt, *keys_, clock_.now());
  }
  const auto verified = verify(request, sha256_hex(body), Protocol::kQuery, action == form.end() ? "" : action->second);
  if (verified.service == "cloudformation") {
    check_allowed(verified.identity, "cloudformation", action == form.end() ? "" : action->second, Protocol::kQuery);
    return cloudformation_->call(form, verified.identity.account, verified.region);
  }
  if (verified.service == "sqs") {
    check_allowed(verified.identity, "sqs", action == form.end() ? "" : action->second, Protocol::kQuery);
    return sqs_.call_query(form, request.path, queue_base(request), verified.identity.account, verified.region);
  }
  if (verified.service != "sts") {
    throw ServiceError(403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'.");
  }
  check_allowed(verified.identity, "sts", action == form.end() ? "" : action->second, Protocol::kQuery);
  return call_sts(form, verified.identity, *keys_, clock_.now());
}

Response Sandbox::handle_s3(Request& request, const S3Target& target, const Fault& fault) {
  const auto verified = verify(request, std::nullopt, Protocol::kS3, target.operation);
  if (verified.service != "s3") {
    throw ServiceError(400, "AuthorizationHeaderMalformed",
                       "The authorization header is malformed; incorrect service \"" + verified.service +
                           "\". This endpoint belongs to \"s3\".");
  }
  check_allowed(verified.identity, "s3", target.operation, Protocol::kS3);
  if (fault.kind == FaultKind::kCompleteError) {
    request.read_all(kMaxJsonBody * 4);
    return xml_response(200,
                        "<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try "
                        "again.</Message><RequestId>sandbox</RequestId><HostId>sandbox</HostId></Error>");
  }
  return s3_->handle(request, target, verified);
}

}  // namespace penstock::sandbox
