// The conversation of one LfsObjects::fetch with a server: questions of up to a hundred objects, and several downloads
// at a time while the next question is asked. Private to this module.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/git/lfs.h"
#include "core/git/lfs_cache.h"
#include "core/git/lfs_protocol.h"
#include "core/git/lfs_session.h"
#include "core/git/remote.h"
#include "core/http/transport.h"
#include "core/http/url.h"

namespace penstock::git {

class LfsTransfer {
 public:
  // What is referred to must outlive the transfer. `on_object` is told of each object that has come, one at a time.
  LfsTransfer(const LfsObjects::Options& options, const LfsRequest& request, const Remote& remote,
              std::chrono::steady_clock::time_point deadline, std::function<void(const LfsObject&)> on_object);
  LfsTransfer(const LfsTransfer&) = delete;
  LfsTransfer& operator=(const LfsTransfer&) = delete;

  // Once. Throws the first error; what else is under way is stopped then.
  void run(const std::vector<const LfsObject*>& objects);

 private:
  struct Task {
    const LfsObject* object = nullptr;
    LfsAction action = {};
    std::chrono::steady_clock::time_point asked_at = {};
    int renewals = 0;                      // of the action
    int mismatches = 0;                    // wrong bytes that came
    std::unique_ptr<LfsDraft> draft = {};  // keeps what came before a fault
  };
  // Either some objects to ask for, or one to download.
  struct Work {
    std::vector<Task> question = {};
    std::optional<Task> download = {};
  };
  using Passing = LfsSession::Passing;

  void work() noexcept;
  std::optional<Work> next_work();

  void ask(std::vector<Task> tasks);
  std::optional<std::vector<LfsOffer>> send_question(const std::vector<Task>& tasks, int& misreadings);
  void match(std::vector<Task> tasks, std::vector<LfsOffer> offers);
  Error refused_offer(const LfsObject& object, const LfsOffer& offer) const;

  void download(Task task);
  // Nothing when the object is in the cache; else why the server or its storage refused the action.
  std::optional<Error> get(Task& task);
  http::Response follow(Task& task, bool& sent_credential);
  http::Request make_get(Task& task, const http::Url& url, bool left_origin, bool& sent_credential,
                         std::string& head) const;
  void take_head(Task& task, const http::Response& response) const;
  [[noreturn]] void refuse_bytes(Task& task, std::string_view head, const std::string& cause) const;
  bool may_ask_again(const Task& task) const;

  LfsSession session_;
  const std::string origin_;
  const std::function<void(const LfsObject&)> on_object_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Task> unasked_, ready_;
  std::size_t question_size_;
  std::size_t at_work_ = 0;
  bool asking_ = false;
  std::exception_ptr failure_;
};

}  // namespace penstock::git
