#include "core/git/lfs_transfer.h"

#include <algorithm>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/time.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Next = LfsVerdict::Next;

constexpr std::size_t kMaxQuestionAnswer = 8u << 20;
constexpr std::size_t kErrorBodyAllowance = 1u << 20;
constexpr int kMaxRedirects = 5;
constexpr int kMaxMisreadings = 2;
constexpr std::size_t kHeadBytes = 64;  // enough to tell a web page
// An action that is refused when it is new was not refused for its age.
constexpr seconds kOldAction{60};
constexpr int kMaxRenewals = 10;
constexpr std::string_view kMediaType = "application/vnd.git-lfs+json";

Timestamp now() {
  return SystemClock().now();
}

}  // namespace

LfsTransfer::LfsTransfer(const LfsObjects::Options& options, const LfsRequest& request, const Remote& remote,
                         steady_clock::time_point deadline, std::function<void(const LfsObject&)> on_object)
    : session_(options, request, remote, deadline),
      origin_(http::parse_url(remote.origin()).value_or(http::Url{}).origin()),
      on_object_(std::move(on_object)),
      question_size_(std::max<std::size_t>(1, options.objects_in_question)) {}

void LfsTransfer::run(const std::vector<const LfsObject*>& objects) {
  for (const LfsObject* object : objects) unasked_.push_back(Task{.object = object});
  {
    std::vector<std::jthread> helpers;
    for (std::size_t count = 1; count < std::min(session_.options().parallel_downloads, objects.size()); ++count) {
      try {
        helpers.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        break;  // fewer do it too
      }
    }
    work();
  }
  if (failure_) std::rethrow_exception(failure_);
}

void LfsTransfer::work() noexcept {
  while (true) {
    std::optional<Work> work = next_work();
    if (!work) return;
    const bool was_question = !work->download;
    std::exception_ptr failure;
    try {
      if (work->download) {
        download(std::move(*work->download));
      } else {
        ask(std::move(work->question));
      }
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      if (failure && !failure_) failure_ = failure;
      if (was_question) asking_ = false;
      --at_work_;
      changed_.notify_all();
    }
    // Only now, so that what it makes the others throw comes second.
    if (failure) session_.stop();
  }
}

// Asks ahead while there is still something to download, so that nobody waits for the answer.
std::optional<LfsTransfer::Work> LfsTransfer::next_work() {
  std::unique_lock lock(mutex_);
  while (!failure_) {
    Work work;
    if (!unasked_.empty() && !asking_ && ready_.size() < session_.options().parallel_downloads) {
      while (!unasked_.empty() && work.question.size() < question_size_) {
        work.question.push_back(std::move(unasked_.front()));
        unasked_.pop_front();
      }
      asking_ = true;
    } else if (!ready_.empty()) {
      work.download = std::move(ready_.front());
      ready_.pop_front();
    } else if (at_work_ == 0) {
      return std::nullopt;
    } else {
      changed_.wait(lock);
      continue;
    }
    ++at_work_;
    return work;
  }
  return std::nullopt;
}

void LfsTransfer::ask(std::vector<Task> tasks) {
  std::optional<std::vector<LfsOffer>> offers;
  int misreadings = 0;
  session_.try_repeatedly([&] { offers = send_question(tasks, misreadings); });
  if (offers) return match(std::move(tasks), std::move(*offers));
  const std::lock_guard lock(mutex_);
  question_size_ = std::max<std::size_t>(1, tasks.size() / 2);
  for (auto task = tasks.rbegin(); task != tasks.rend(); ++task) unasked_.push_front(std::move(*task));
}

// Nothing when the server wants shorter questions.
std::optional<std::vector<LfsOffer>> LfsTransfer::send_question(const std::vector<Task>& tasks, int& misreadings) {
  std::vector<LfsPointer> pointers;
  pointers.reserve(tasks.size());
  for (const Task& task : tasks) pointers.push_back(task.object->pointer);
  http::Request request = session_.new_request();
  request.method = "POST";
  request.url = lfs_batch_url(session_.remote());
  request.headers.set("Accept", std::string(kMediaType));
  request.headers.set("Content-Type", std::string(kMediaType));
  if (!session_.authorization().empty()) request.headers.set("Authorization", std::string(session_.authorization()));
  request.body = make_lfs_question(pointers, session_.request().ref);
  request.max_response_bytes = kMaxQuestionAnswer;
  const http::Response response = session_.send(request, session_.doing());

  LfsVerdict verdict = judge_lfs_answer(response, !session_.authorization().empty());
  if (verdict.next == Next::kSplit && tasks.size() > 1) return std::nullopt;
  if (verdict.next == Next::kRetry)
    throw Passing{session_.make_error(session_.doing(), verdict, lfs_server_message(response)),
                  lfs_retry_hint(response.headers, now())};
  if (verdict.next != Next::kUse) throw session_.make_error(session_.doing(), verdict, lfs_server_message(response));
  std::vector<LfsOffer> offers;
  try {
    offers = parse_lfs_answer(response.body, now());
  } catch (const Error& error) {
    if (looks_like_web_page(response.body))
      throw session_.make_error(session_.doing(), judge_lfs_answer({.status = 203}, true), "");
    const Error failure = error.with_context(session_.doing());
    if (error.kind() != ErrorKind::kUnavailable || ++misreadings >= kMaxMisreadings) throw failure;
    throw Passing{failure};  // an answer without a length may have been cut
  }
  for (const LfsOffer& offer : offers) {
    verdict = judge_lfs_download(offer.error_code == 0 ? 200 : offer.error_code, !session_.authorization().empty());
    if (verdict.next == Next::kRetry)
      throw Passing{session_.make_error(session_.doing(), verdict, offer.error_message)};
  }
  return offers;
}

void LfsTransfer::match(std::vector<Task> tasks, std::vector<LfsOffer> offers) {
  std::map<std::string_view, const LfsOffer*> by_oid;
  for (const LfsOffer& offer : offers) by_oid.emplace(offer.oid, &offer);
  std::optional<Error> failure;
  std::size_t more = 0;
  for (Task& task : tasks) {
    const auto found = by_oid.find(task.object->pointer.oid);
    if (found != by_oid.end() && found->second->download) {
      task.action = *found->second->download;
      task.asked_at = steady_clock::now();
    } else if (failure) {
      ++more;
    } else {
      failure = refused_offer(*task.object, found == by_oid.end() ? LfsOffer{} : *found->second);
    }
  }
  if (failure && more > 0) {
    throw Error(failure->kind(), failure->what() + (" (and " + std::to_string(more) + " more objects)"))
        .with_code(failure->code());
  }
  if (failure) throw *failure;
  const std::lock_guard lock(mutex_);
  for (Task& task : tasks) ready_.push_back(std::move(task));
}

Error LfsTransfer::refused_offer(const LfsObject& object, const LfsOffer& offer) const {
  LfsVerdict verdict{Next::kFail, ErrorKind::kUnavailable, "LfsProtocol",
                     "the server's answer has neither an address for it nor an error"};
  switch (offer.error_code) {
    case 0:
      break;
    case 404:
      verdict = {Next::kFail, ErrorKind::kNotFound, "LfsObjectNotFound",
                 "the server does not have it; push it with `git lfs push --all REMOTE` from a clone that has it"};
      break;
    case 410:
      verdict = {Next::kFail, ErrorKind::kNotFound, "LfsObjectNotFound",
                 "it was removed from the server; push it again with `git lfs push --all REMOTE` from a clone that has "
                 "it, or remove the file from the repository"};
      break;
    case 422:
      verdict = {Next::kFail, ErrorKind::kInvalidInput, "LfsProtocol", "the server finds the pointer invalid"};
      break;
    case 401:
    case 403:
      verdict = judge_lfs_answer({.status = offer.error_code}, !session_.authorization().empty());
      break;
    default:
      verdict.cause = "the server refused it with the code " + std::to_string(offer.error_code);
  }
  return session_.make_error(session_.doing(object), verdict, offer.error_message);
}

bool LfsTransfer::may_ask_again(const Task& task) const {
  return task.renewals < (steady_clock::now() - task.asked_at < kOldAction ? 1 : kMaxRenewals);
}

void LfsTransfer::download(Task task) {
  const bool expired = task.action.valid_for && task.asked_at + *task.action.valid_for <= steady_clock::now();
  if (!expired || !may_ask_again(task)) {
    const std::optional<Error> refusal = get(task);
    if (!refusal) {
      session_.in_turn([&] { on_object_(*task.object); });
      return;
    }
    if (!may_ask_again(task)) throw *refusal;
  }
  ++task.renewals;
  const std::lock_guard lock(mutex_);
  unasked_.push_front(std::move(task));
}

std::optional<Error> LfsTransfer::get(Task& task) {
  std::optional<Error> refusal;
  const auto once = [&] {
    if (!task.draft) task.draft = std::make_unique<LfsDraft>(session_.request().folder, task.object->pointer);
    // A connection may break after the last byte.
    if (task.draft->wanted() > 0) {
      bool sent_credential = false;
      const http::Response response = follow(task, sent_credential);
      const LfsVerdict verdict = judge_lfs_download(response.status, sent_credential);
      const auto error = [&] {
        return session_.make_error(session_.doing(*task.object), verdict, lfs_server_message(response));
      };
      switch (verdict.next) {
        case Next::kUse:
          break;
        case Next::kAskAgain:
          refusal = error();
          return;
        case Next::kRestart:
          task.draft->restart();
          throw Passing{error()};
        case Next::kRetry:
          throw Passing{error(), lfs_retry_hint(response.headers, now())};
        case Next::kFail:
        case Next::kFollow:
        case Next::kSplit:
          throw error();
      }
    }
    const std::uint64_t came = task.draft->size();
    bool good = false;
    try {
      good = task.draft->commit();
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::kUnavailable) throw Passing{failure};
      throw;
    }
    if (good) return;
    refuse_bytes(task, "",
                 came == task.object->pointer.size
                     ? "bytes with another SHA-256"
                     : std::to_string(came) + " bytes instead of " + std::to_string(task.object->pointer.size));
  };
  session_.try_repeatedly(once, [&] { return task.draft ? task.draft->size() : 0; });
  return refusal;
}

// One download through all its redirects, into the draft. The credential and the action's own header fields, which can
// hold secrets too, stay with the origin that they are for.
http::Response LfsTransfer::follow(Task& task, bool& sent_credential) {
  const std::string what = session_.doing(*task.object);
  http::Url url = session_.checked(http::parse_url(task.action.url), what);
  const std::string first_origin = url.origin();
  bool left_origin = false;
  std::string head;
  for (int redirects = 0;; ++redirects) {
    const http::Response response = session_.send(make_get(task, url, left_origin, sent_credential, head), what);
    if (response.status == 200 && task.draft->wanted() > 0 && looks_like_web_page(head)) refuse_bytes(task, head, "");
    if (judge_lfs_download(response.status, sent_credential).next != Next::kFollow) return response;
    if (redirects >= kMaxRedirects) {
      throw Error(ErrorKind::kUnavailable, what + ": redirected more than " + std::to_string(kMaxRedirects) + " times")
          .with_code("LfsProtocol");
    }
    const auto next = resolve_location(url, response.headers.find("location").value_or(""));
    if (next && is_sign_in_address(*next)) throw session_.make_error(what, judge_lfs_answer({.status = 203}, true), "");
    url = session_.checked(next, what);
    left_origin = left_origin || url.origin() != first_origin;
  }
}

http::Request LfsTransfer::make_get(Task& task, const http::Url& url, bool left_origin, bool& sent_credential,
                                    std::string& head) const {
  http::Request request = session_.new_request();
  request.url = url.to_string();
  sent_credential = false;
  if (!left_origin) {
    request.headers = task.action.headers;
    sent_credential = request.headers.find("authorization").has_value();
    if (!sent_credential && !session_.authorization().empty() && url.origin() == origin_) {
      request.headers.set("Authorization", std::string(session_.authorization()));
      sent_credential = true;
    }
  }
  request.headers.set("Accept-Encoding", "identity");
  if (task.draft->size() > 0) request.headers.set("Range", "bytes=" + std::to_string(task.draft->size()) + "-");
  // The exact bound is kept below; this one is for an error's body.
  request.max_response_bytes = static_cast<std::size_t>(task.object->pointer.size) + kErrorBodyAllowance;
  request.on_head = [this, &task](const http::Response& response) { take_head(task, response); };
  request.on_body = [this, &task, &head](std::string_view piece) {
    if (head.size() < kHeadBytes) head += piece.substr(0, kHeadBytes - head.size());
    if (piece.size() > task.draft->wanted()) {
      refuse_bytes(task, head, "more than " + std::to_string(task.object->pointer.size) + " bytes");
    }
    task.draft->write(piece);
  };
  head.clear();
  return request;
}

// Where the bytes that follow belong.
void LfsTransfer::take_head(Task& task, const http::Response& response) const {
  if (response.status == 206) {
    const auto range = response.headers.find("content-range").value_or("");
    if (task.draft->size() > 0 && range.starts_with("bytes " + std::to_string(task.draft->size()) + "-")) return;
    refuse_bytes(task, "", "a part that was not asked for");
  }
  const LfsVerdict verdict = judge_lfs_download(response.status, true);
  if (verdict.next != Next::kUse) throw session_.make_error(session_.doing(*task.object), verdict, "");
  if (task.draft->size() > 0) task.draft->restart();
}

// Once more from the beginning, in case a proxy or a cache garbled it; then it is the server's fault.
void LfsTransfer::refuse_bytes(Task& task, std::string_view head, const std::string& cause) const {
  if (looks_like_web_page(head))
    throw session_.make_error(session_.doing(*task.object), judge_lfs_answer({.status = 203}, true), "");
  task.draft->restart();
  const Error error =
      session_.make_error(session_.doing(*task.object),
                          {Next::kFail, ErrorKind::kUnavailable, "LfsObjectMismatch",
                           "the server gave out " + cause +
                               "; have the object checked on the server (`git lfs fsck` in a clone, then `git "
                               "lfs push --all REMOTE`)"},
                          "");
  if (++task.mismatches >= kMaxMisreadings) throw error;
  throw Passing{error};
}

}  // namespace penstock::git
