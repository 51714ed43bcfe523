#include "tests/core/git/lfs_server.h"

#include "core/base/digest.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"

namespace penstock::git {

using testing::LoopbackServer;
using testing::ReceivedRequest;
using testing::ScriptedReply;

LfsServer::LfsServer() {
  server_ = std::make_unique<LoopbackServer>([this](const ReceivedRequest& request) { return answer(request); },
                                             LoopbackServer::Options{.tls = true});
  http::CurlTransport::Options options;
  options.ca_file = (directory_.path() / "ca.pem").native();
  options.variable = [](const std::string&) { return std::nullopt; };
  write_file_atomically(options.ca_file, server_->certificate_pem());
  transport_ = std::make_shared<http::CurlTransport>(options);
}

std::string LfsServer::object_url(const std::string& oid) const {
  return (storage_.empty() ? server_->url() : storage_) + "/store/" + oid;
}

LfsObject LfsServer::add(const std::string& content, std::string path) {
  const LfsObject object{.pointer = {.oid = sha256_hex(content), .size = content.size()}, .path = std::move(path)};
  const std::lock_guard lock(mutex_);
  objects_[object.pointer.oid] = content;
  return object;
}

ScriptedReply LfsServer::batch_answer(const ReceivedRequest& request) const {
  const json::Json question = json::parse_json(request.body, "the question");
  std::string objects;
  for (const json::Json& object : question["objects"]) {
    const std::string oid = object["oid"];
    const std::lock_guard lock(mutex_);
    objects += (objects.empty() ? "{\"oid\":\"" : ",{\"oid\":\"") + oid + "\",";
    if (objects_.contains(oid)) {
      objects += R"("actions":{"download":{"href":")" + object_url(oid) + "\"" + members_ + "}}}";
    } else {
      objects += R"("error":{"code":404,"message":"Object does not exist"}})";
    }
  }
  return {.headers = {{"Content-Type", "application/vnd.git-lfs+json"}},
          .body = R"({"transfer":"basic","objects":[)" + objects + "]}"};
}

ScriptedReply LfsServer::object_answer(const ReceivedRequest& request) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(request.target.substr(request.target.rfind('/') + 1));
  if (found == objects_.end()) return {.status = 404};
  return {.headers = {{"Content-Type", "application/octet-stream"}}, .body = found->second};
}

ScriptedReply LfsServer::answer(const ReceivedRequest& request) const {
  const bool is_batch = request.method == "POST";
  if (const Misbehaviour& misbehave = is_batch ? batch_ : download_) {
    if (auto reply = misbehave(request)) return *reply;
  }
  if (is_batch && request.target != "/team/_git/shop/info/lfs/objects/batch") return {.status = 404};
  if (!authorization_.empty() && request.header("authorization") != authorization_) return {.status = 401};
  return is_batch ? batch_answer(request) : object_answer(request);
}

std::vector<ReceivedRequest> LfsServer::requests(const std::string& method) const {
  std::vector<ReceivedRequest> result = server_->requests();
  std::erase_if(result, [&](const ReceivedRequest& request) { return request.method != method; });
  return result;
}

}  // namespace penstock::git
