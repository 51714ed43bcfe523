// A small LFS server over TLS for tests, which can be told to misbehave.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/git/lfs.h"
#include "core/http/transport.h"
#include "tests/support/loopback_server.h"

namespace penstock::git {

class LfsServer {
 public:
  // Instead of the right answer, where one is returned.
  using Misbehaviour = std::function<std::optional<testing::ScriptedReply>(const testing::ReceivedRequest&)>;

  LfsServer();

  // The remote's address; its batch API is below it.
  std::string remote() const { return server_->url() + "/team/_git/shop"; }
  // The address of one object, as the batch API gives it out.
  std::string object_url(const std::string& oid) const;
  LfsObject add(const std::string& content, std::string path = "file.bin");

  // Set before the first request only. `storage` = origin of the storage; empty = this server.
  void set_storage(std::string origin) { storage_ = std::move(origin); }
  void require(std::string authorization) { authorization_ = std::move(authorization); }
  // More members of each action, ",\"header\":{…}".
  void set_action_members(std::string members) { members_ = std::move(members); }
  void set_batch(Misbehaviour batch) { batch_ = std::move(batch); }
  void set_download(Misbehaviour download) { download_ = std::move(download); }

  std::vector<testing::ReceivedRequest> batches() const { return requests("POST"); }
  std::vector<testing::ReceivedRequest> downloads() const { return requests("GET"); }
  std::shared_ptr<http::HttpTransport> transport() const { return transport_; }
  testing::ScriptedReply batch_answer(const testing::ReceivedRequest& request) const;
  testing::ScriptedReply object_answer(const testing::ReceivedRequest& request) const;

 private:
  testing::ScriptedReply answer(const testing::ReceivedRequest& request) const;
  std::vector<testing::ReceivedRequest> requests(const std::string& method) const;

  const TemporaryDirectory directory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;  // guarded by mutex_
  std::string storage_, authorization_, members_;
  Misbehaviour batch_, download_;
  std::unique_ptr<testing::LoopbackServer> server_;
  std::shared_ptr<http::HttpTransport> transport_;
};

}  // namespace penstock::git
