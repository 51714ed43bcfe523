#include "core/listener/reply.h"

#include <cerrno>

#include <sys/eventfd.h>

#include "core/base/files.h"

namespace penstock::listener {

Inbox::Inbox() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!event_) throw_errno("making an event descriptor", errno);
}

bool Inbox::post(Message message) {
  bool was_empty = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    was_empty = messages_.empty();
    messages_.push_back(std::move(message));
  }
  if (was_empty) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  }
  return true;
}

void Inbox::take(std::vector<Message>& messages) {
  messages.clear();
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof count);
  std::lock_guard lock(mutex_);
  messages.swap(messages_);
}

void Inbox::close() {
  std::vector<Message> dropped;
  std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(messages_);
}

void Reply::State::send(Response response) {
  if (sent.exchange(true)) return;
  inbox->post({.connection = connection,
               .sequence = sequence,
               .kind = Inbox::Message::Kind::kReply,
               .response = std::move(response),
               .piece = {},
               .task = {}});
}

Reply::State::~State() {
  if (sent.load()) return;
  try {
    send(try_again(request_id, "the request was not answered"));
  } catch (...) {
    // Out of memory: the connection's own deadline answers.
  }
}

}  // namespace penstock::listener
