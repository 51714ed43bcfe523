#include "core/listener/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <sys/epoll.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/time.h"

namespace penstock::listener {
namespace {

constexpr auto kTick = std::chrono::milliseconds(500);
// What epoll reports is told apart by these: small numbers are watched descriptors, all others connections.
constexpr std::uint64_t kInboxTag = 0;
constexpr std::uint64_t kFirstWatchTag = 1;
constexpr std::uint64_t kFirstConnection = 1024;

void control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) throw_errno("waiting for a socket", errno);
}

}  // namespace

EventLoop::EventLoop(Shared& shared)
    : shared_(shared),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      inbox_(std::make_shared<Inbox>()),
      next_id_(kFirstConnection),
      now_(std::chrono::steady_clock::now()),
      next_tick_(now_ + kTick) {
  if (!epoll_) throw_errno("making an epoll descriptor", errno);
  control(epoll_.get(), EPOLL_CTL_ADD, inbox_->wake_fd(), EPOLLIN, kInboxTag);
}

EventLoop::~EventLoop() {
  inbox_->close();
}

void EventLoop::post(std::function<void()> task) {
  inbox_->post({.connection = 0,
                .sequence = 0,
                .kind = Inbox::Message::Kind::kTask,
                .response = {},
                .piece = {},
                .task = std::move(task)});
}

std::string_view EventLoop::date() {
  const std::int64_t second = to_milliseconds(shared_.clock.now()) / 1000;
  if (second != date_second_) {
    date_second_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm civil{};
    ::gmtime_r(&time, &civil);
    std::array<char, 40> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &civil);
    date_.assign(text.data(), size);
  }
  return date_;
}

void EventLoop::adopt(UniqueFd socket, std::string peer_address, std::string counted_address) {
  const std::uint64_t id = next_id_++;
  const int fd = socket.get();
  auto connection = std::make_unique<Connection>(*this, id, std::move(socket), std::move(peer_address),
                                                 std::move(counted_address), now_);
  shared_.open.fetch_add(1, std::memory_order_relaxed);
  Connection& added = *connections_.emplace(id, std::move(connection)).first->second;
  added.registered_interest = added.interest();
  control(epoll_.get(), EPOLL_CTL_ADD, fd, added.registered_interest, id);
  if (stopping_) added.drain(now_);
  settle(id, added);
}

bool EventLoop::close_idlest() {
  auto idlest = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    if (it->second->idle() && (idlest == connections_.end() || it->second->deadline() < idlest->second->deadline())) {
      idlest = it;
    }
  }
  if (idlest == connections_.end()) return false;
  connections_.erase(idlest);
  shared_.open.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void EventLoop::watch(int fd, std::function<void()> on_event, std::function<void()> on_tick) {
  control(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN, kFirstWatchTag + watches_.size());
  watches_.push_back({fd, std::move(on_event), std::move(on_tick)});
}

void EventLoop::pause_watching(int fd, bool pause) {
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    if (watches_[i].fd == fd) control(epoll_.get(), EPOLL_CTL_MOD, fd, pause ? 0u : EPOLLIN, kFirstWatchTag + i);
  }
}

void EventLoop::stop() {
  stopping_ = true;
  for (const Watch& watch : watches_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch.fd, nullptr);
  watches_.clear();
  std::vector<std::uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    Connection& connection = *connections_.at(id);
    connection.drain(now_);
    settle(id, connection);
  }
}

// After something happened to a connection: ends it or tells epoll what it waits for now.
void EventLoop::settle(std::uint64_t id, Connection& connection) {
  if (connection.closed()) {
    connections_.erase(id);
    shared_.open.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  const std::uint32_t interest = connection.interest();
  if (interest == connection.registered_interest) return;
  connection.registered_interest = interest;
  control(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), interest, id);
}

template <typename Action>
void EventLoop::with(std::uint64_t id, const Action& action) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  try {
    action(*found->second);
    settle(id, *found->second);
  } catch (const std::exception& error) {
    // Out of memory, most likely; the others must not pay for it.
    shared_.log.error("a connection failed", {{"error", error.what()}});
    if (connections_.erase(id) > 0) shared_.open.fetch_sub(1, std::memory_order_relaxed);
  }
}

void EventLoop::tick() {
  next_tick_ = now_ + kTick;
  std::vector<std::uint64_t> due;
  for (const auto& [id, connection] : connections_) {
    if (connection->deadline() <= now_) due.push_back(id);
  }
  for (const std::uint64_t id : due) with(id, [this](Connection& connection) { connection.check_deadline(now_); });
  for (const Watch& watch : watches_) {
    if (watch.on_tick) watch.on_tick();
  }
}

void EventLoop::run() {
  std::array<epoll_event, 256> events;
  std::vector<Inbox::Message> messages;
  while (!stopping_ || !connections_.empty()) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_tick_ - now_).count();
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1000)));
    if (count < 0 && errno != EINTR) throw_errno("waiting for sockets", errno);
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const std::uint64_t tag = event.data.u64;
      if (tag >= kFirstConnection) {
        with(tag, [&](Connection& connection) { connection.handle_event(event.events, now_); });
      } else if (tag != kInboxTag && tag - kFirstWatchTag < watches_.size()) {
        watches_[tag - kFirstWatchTag].on_event();
      }
    }
    // Answers that were given on this thread a moment ago are here already.
    inbox_->take(messages);
    for (Inbox::Message& message : messages) {
      if (message.kind == Inbox::Message::Kind::kTask) {
        message.task();
      } else {
        with(message.connection, [&](Connection& connection) { connection.handle_message(message, now_); });
      }
    }
    if (now_ >= next_tick_) tick();
  }
  inbox_->close();
}

}  // namespace penstock::listener
