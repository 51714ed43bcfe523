#include "core/listener/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/base/ids.h"
#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/listener/event_loop.h"
#include "core/listener/proxy_header.h"
#include "core/listener/response_head.h"

namespace penstock::listener {
namespace {

constexpr std::size_t kMaxReadAhead = 64u << 10;  // of later requests, while one is in progress
constexpr std::size_t kFreeBody = 64u << 10;      // a body up to this size is taken in however full we are
constexpr std::size_t kReserveStep = 64u << 10;
// A client that sends all before it reads must come to the end of an ordinary body to see why it was refused.
constexpr std::size_t kMaxLingered = 64u << 20;
constexpr auto kLingerTime = std::chrono::seconds(5);
constexpr auto kLongestReply = std::chrono::minutes(10);
constexpr std::uint64_t kSlowestBodyRate = 64u << 10;  // bytes a second, beyond the first body_timeout

bool is_known_method(std::string_view method) {
  static constexpr std::array<std::string_view, 9> kMethods = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                                               "DELETE", "OPTIONS", "TRACE", "CONNECT"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

void log_failure(const telemetry::Log& log, const Reply& reply, const std::exception& error) {
  log.error("handling a request failed", {{"request", reply.request_id()}, {"error", error.what()}});
}

void append_hex(std::string& out, std::size_t number) {
  std::array<char, 16> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[number & 15];
    number >>= 4;
  } while (number > 0);
  while (count > 0) out.push_back(digits[--count]);
}

}  // namespace

Connection::Connection(EventLoop& loop, std::uint64_t id, UniqueFd socket, std::string peer_address,
                       std::string counted_address, TimePoint now)
    : loop_(loop),
      shared_(loop.shared()),
      id_(id),
      peer_address_(std::move(peer_address)),
      counted_address_(std::move(counted_address)),
      channel_([&] {
        SSL* tls = shared_.tls ? shared_.tls->make_connection(socket.get()) : nullptr;
        return Channel(std::move(socket), tls);
      }()),
      scanner_(shared_.head_limits) {
  const Listener::Options& options = shared_.options;
  set_deadline(now + options.handshake_timeout);
  if (options.proxy_protocol && options.is_trusted_proxy && options.is_trusted_proxy(peer_address_)) {
    state_ = State::kProxyHeader;
  } else if (shared_.tls) {
    state_ = State::kHandshake;
  } else {
    await_request(now);
  }
  if (shared_.tls && !channel_.has_tls()) close();
}

Connection::~Connection() {
  close();
  if (!counted_address_.empty()) shared_.addresses.remove(counted_address_);
}

std::uint32_t Connection::interest() const noexcept {
  std::uint32_t events = 0;
  if (!peer_finished_) {
    switch (state_) {
      case State::kHandling:
        if (input_.size() < kMaxReadAhead) events |= EPOLLIN | EPOLLRDHUP;
        break;
      case State::kReplying:
      case State::kClosed:
        break;
      default:
        events |= EPOLLIN | EPOLLRDHUP;
    }
  }
  if (wants_write_) events |= EPOLLOUT;
  return events;
}

void Connection::handle_event(std::uint32_t events, TimePoint now) {
  wants_write_ = false;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    close();
    return;
  }
  const bool readable = (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  if (readable && (state_ == State::kHandling || state_ == State::kStreaming)) {
    input_.append(fill());
    // Whoever streams to a client that sends this much has misunderstood something.
    if (state_ == State::kStreaming && (peer_finished_ || input_.size() > kMaxReadAhead)) close();
  }
  advance(now);
}

void Connection::handle_message(Inbox::Message& message, TimePoint now) {
  if (message.sequence != sequence_) return;
  using Kind = Inbox::Message::Kind;
  if (message.kind == Kind::kReply) {
    if (state_ == State::kHandling) answer(std::move(message.response), now);
  } else if (state_ == State::kStreaming) {
    if (!message.piece.empty() && !is_head_) {
      if (minor_version_ > 0) {
        append_hex(output_, message.piece.size());
        output_.append("\r\n").append(message.piece).append("\r\n");
      } else {
        output_.append(message.piece);
      }
      stream_unsent_ += message.piece.size();
    }
    if (message.kind == Kind::kBrokenOff) {
      close();
      return;
    }
    if (message.kind == Kind::kLastPiece) {
      if (minor_version_ > 0 && !is_head_) output_.append("0\r\n\r\n");
      stream_->close();
      stream_.reset();
      state_ = State::kReplying;
    }
    set_deadline(now + shared_.options.write_timeout);
  }
  advance(now);
}

void Connection::check_deadline(TimePoint now) {
  if (now < deadline_) return;
  switch (state_) {
    case State::kHead:
      if (input_.empty()) {
        close();
        return;
      }
      shared_.timeouts.fetch_add(1, std::memory_order_relaxed);
      refuse(408, "the header did not arrive in time", now);
      break;
    case State::kBody:
      shared_.timeouts.fetch_add(1, std::memory_order_relaxed);
      refuse(408, "the body did not arrive in time", now);
      break;
    case State::kHandling:
      overloaded("the request could not be answered in time", now);
      break;
    case State::kStreaming:
      // Nothing to send is no reason to end it.
      if (sent_ == output_.size() && now < drained_by_) {
        set_deadline(now + shared_.options.write_timeout);
        return;
      }
      [[fallthrough]];
    default:
      if (state_ != State::kLingering) shared_.timeouts.fetch_add(1, std::memory_order_relaxed);
      channel_.abort();
      close();
      return;
  }
  advance(now);
}

void Connection::drain(TimePoint now) {
  if (state_ == State::kHead || state_ == State::kHandshake || state_ == State::kProxyHeader) {
    close();
  } else {
    // A slow client must not keep the process from ending.
    drained_by_ = now + (state_ == State::kLingering ? std::chrono::milliseconds(200)
                                                     : std::chrono::milliseconds(shared_.options.reply_timeout));
    set_deadline(deadline_);
    keep_alive_ = false;
  }
}

void Connection::set_deadline(TimePoint deadline) {
  deadline_ = std::min(deadline, drained_by_);
}

void Connection::advance(TimePoint now) {
  while (state_ != State::kClosed && step(now)) {
  }
  // Other connections may be long in coming, and what this one sent may be secret.
  if (scratch_used_ > 0) ::explicit_bzero(loop_.scratch().data(), std::exchange(scratch_used_, 0));
}

bool Connection::step(TimePoint now) {
  try {
    switch (state_) {
      case State::kProxyHeader:
        return read_proxy_header(now);
      case State::kHandshake: {
        const Channel::Result result = channel_.handshake();
        if (result.io == Channel::Io::kDone) {
          await_request(now);
          return true;
        }
        if (result.io == Channel::Io::kClosed) {
          shared_.failed_handshakes.fetch_add(1, std::memory_order_relaxed);
          close();
        }
        wants_write_ = result.io == Channel::Io::kWantWrite;
        return false;
      }
      case State::kHead:
        return read_head(now);
      case State::kBody:
        return read_body(now);
      case State::kReplying:
        if (!flush(now)) return false;
        end_reply(now);
        // A client seldom sends its next request before it has this answer: looking would be a call for nothing.
        return state_ == State::kLingering || !input_.empty() || channel_.has_pending();
      case State::kStreaming:
        flush(now);
        return false;
      case State::kLingering:
        return linger();
      case State::kHandling:
      case State::kClosed:
        return false;
    }
  } catch (const BadRequest& bad) {
    if (state_ == State::kProxyHeader) {
      close();
      return false;
    }
    shared_.bad_requests.fetch_add(1, std::memory_order_relaxed);
    refuse(bad.status, bad.detail, now);
    return true;
  }
  return false;
}

// The header comes before TLS, so it is looked at where the kernel keeps it, and only its own bytes are taken.
bool Connection::read_proxy_header(TimePoint now) {
  auto& scratch = loop_.scratch();
  const ssize_t seen = ::recv(channel_.fd(), scratch.data(), 1024, MSG_PEEK);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (seen <= 0) {
    close();
    return false;
  }
  const ProxyHeader header = parse_proxy_header({scratch.data(), static_cast<std::size_t>(seen)});
  // What is there of an incomplete header stays readable, so epoll would report it again and again: such proxies do not
  // exist (the header is one segment), and whoever dribbles it is sent away.
  if (header.length == 0) {
    close();
    return false;
  }
  [[maybe_unused]] const ssize_t taken = ::recv(channel_.fd(), scratch.data(), header.length, 0);
  if (header.client_address) peer_address_ = *header.client_address;
  if (channel_.has_tls()) {
    state_ = State::kHandshake;
  } else {
    await_request(now);
  }
  return true;
}

std::string_view Connection::fill() {
  auto& scratch = loop_.scratch();
  const Channel::Result result = channel_.read(scratch);
  if (result.io == Channel::Io::kDone) {
    scratch_used_ = std::max(scratch_used_, result.bytes);
    return {scratch.data(), result.bytes};
  }
  if (result.io == Channel::Io::kClosed) peer_finished_ = true;
  if (result.io == Channel::Io::kWantWrite) wants_write_ = true;
  return {};
}

void Connection::await_request(TimePoint now) {
  state_ = State::kHead;
  scanner_.reset();
  skipped_blank_line_ = false;
  set_deadline(now + (input_.empty() ? shared_.options.idle_timeout : shared_.options.head_timeout));
}

bool Connection::read_head(TimePoint now) {
  // One empty line before a request is passed over (RFC 9112 section 2.2).
  if (!skipped_blank_line_ && input_.starts_with("\r\n")) {
    input_.erase(0, 2);
    skipped_blank_line_ = true;
  }
  if (!input_.empty() && !(input_ == "\r" && !skipped_blank_line_)) {
    const std::size_t length = scanner_.find_end(input_);
    if (length > 0) {
      begin_request(parse_head(std::string_view(input_).substr(0, length), shared_.head_limits), length, now);
      return true;
    }
  }
  if (peer_finished_) {
    close();
    return false;
  }
  const std::string_view bytes = fill();
  if (bytes.empty()) {
    if (peer_finished_) close();
    return false;
  }
  if (input_.empty()) set_deadline(now + shared_.options.head_timeout);
  input_.append(bytes);
  return true;
}

void Connection::begin_request(const RequestHead& head, std::size_t head_bytes, TimePoint now) {
  shared_.requests.fetch_add(1, std::memory_order_relaxed);
  ++requests_;
  ++sequence_;
  request_ = {};
  request_id_ = make_uuid_v7(shared_.clock);
  request_.request_id = request_id_;
  request_.peer_address = peer_address_;
  request_.method = head.method;
  is_head_ = head.method == "HEAD";
  minor_version_ = head.minor_version;
  keep_alive_ = head.keep_alive && requests_ < shared_.options.max_requests_per_connection;
  framing_ = head.framing;
  body_left_ = head.content_length;
  const std::size_t path_end = std::min(head.target.find('?'), head.target.size());
  request_.path = head.target.substr(0, path_end);
  if (path_end < head.target.size()) request_.query = parse_query(head.target.substr(path_end + 1));
  request_.headers.reserve(head.fields.size());
  for (const auto& [name, value] : head.fields) request_.headers.emplace_back(name, value);
  const bool expects_continue = head.expects_continue;
  // `head` points into input_, so nothing of it is used from here on.
  input_.erase(0, head_bytes);

  if (framing_ == Framing::kLength && body_left_ > shared_.options.max_body_bytes) {
    throw BadRequest{413, "the body is larger than " + std::to_string(shared_.options.max_body_bytes) + " bytes"};
  }
  Router::Match match;
  if (request_.path == "*") {
    match.allow = shared_.router.all_methods();
  } else {
    match = shared_.router.find(request_.method, request_.path);
  }
  route_ = match.route;
  request_.captures = std::move(match.captures);
  if (!route_) {
    Response response;
    if (!is_known_method(request_.method)) {
      response = problem(request_, 501, "this method is not known here");
    } else if (match.allow.empty()) {
      response = problem(request_, 404, "there is nothing at this address");
    } else if (request_.method == "OPTIONS") {
      response.status = 204;
    } else {
      response = problem(request_, 405, "this address does not take " + request_.method);
    }
    if (!match.allow.empty()) response.headers.emplace_back("Allow", match.allow);
    // The body of a request that nobody takes is not waited for.
    response.close = framing_ != Framing::kNone;
    answer(std::move(response), now);
    return;
  }
  if (framing_ == Framing::kNone) {
    dispatch(now);
    return;
  }
  state_ = State::kBody;
  set_deadline(now + shared_.options.body_timeout +
               std::chrono::seconds((framing_ == Framing::kLength ? body_left_ : shared_.options.max_body_bytes) /
                                    kSlowestBodyRate));
  if (framing_ == Framing::kChunked) {
    chunks_.emplace(shared_.options.max_body_bytes);
  } else {
    chunks_.reset();
    request_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, kFreeBody)));
  }
  if (expects_continue && input_.empty()) {
    output_.append("HTTP/1.1 100 Continue\r\n\r\n");
    flush(now);
  }
}

bool Connection::read_body(TimePoint now) {
  if (!output_.empty()) flush(now);  // the rest of a 100 Continue
  if (state_ != State::kBody) return false;
  bool complete = false;
  if (!input_.empty()) {
    std::string held = std::exchange(input_, {});
    complete = take_body_bytes(held);
  } else {
    const std::string_view bytes = fill();
    if (bytes.empty()) {
      if (peer_finished_) close();
      return false;
    }
    complete = take_body_bytes(bytes);
  }
  if (!reserve_body()) {
    overloaded("too many large bodies are being received", now);
    return true;
  }
  if (complete) dispatch(now);
  return true;
}

// True when the body is complete; what follows it goes to input_.
bool Connection::take_body_bytes(std::string_view bytes) {
  if (framing_ == Framing::kChunked) {
    const std::size_t used = chunks_->feed(bytes, request_.body);
    input_.assign(bytes.substr(used));
    return chunks_->done();
  }
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
  request_.body.append(bytes.substr(0, take));
  body_left_ -= take;
  input_.assign(bytes.substr(take));
  return body_left_ == 0;
}

// Counts what the body takes; false when there is too much of all bodies together.
bool Connection::reserve_body() {
  while (request_.body.size() > reserved_) {
    const std::uint64_t before = shared_.buffered_bytes.fetch_add(kReserveStep, std::memory_order_relaxed);
    reserved_ += kReserveStep;
    if (request_.body.size() > kFreeBody && before + kReserveStep > shared_.options.max_buffered_bytes) return false;
  }
  return true;
}

void Connection::release_body() {
  shared_.buffered_bytes.fetch_sub(reserved_, std::memory_order_relaxed);
  reserved_ = 0;
}

void Connection::dispatch(TimePoint now) {
  const Route& route = shared_.routes[*route_];
  const Listener::Options& options = shared_.options;
  state_ = State::kHandling;
  const Reply reply(loop_.inbox(), id_, sequence_, request_id_);
  if (route.async && request_.body.size() <= options.inline_body_bytes) {
    set_deadline(now + options.reply_timeout);
    try {
      route.async(std::move(request_), reply);
    } catch (const std::exception& error) {
      log_failure(shared_.log, reply, error);  // and the reply's end asks the client to come again
    }
    return;
  }
  set_deadline(now + (route.async ? options.reply_timeout : options.blocking_reply_timeout));
  auto request = std::make_shared<Request>(std::move(request_));
  const bool accepted = shared_.pool.submit([&route, request, reply, &log = shared_.log] {
    try {
      if (route.async) {
        route.async(std::move(*request), reply);
      } else {
        reply.send(route.handler(*request));
      }
    } catch (const std::exception& error) {
      log_failure(log, reply, error);
      if (!route.async) {
        reply.send(problem(reply.request_id(), 500, "an internal error; the log has it under this request id"));
      }
    }
  });
  if (!accepted) overloaded("too many requests are waiting", now);
}

void Connection::refuse(int status, std::string_view detail, TimePoint now) {
  if (request_id_.empty()) request_id_ = make_uuid_v7(shared_.clock);
  Response response = problem(request_id_, status, detail);
  response.close = true;
  is_head_ = false;
  answer(std::move(response), now);
}

// The sender is to come again: never 429 or 500, which Azure DevOps does not repeat.
void Connection::overloaded(std::string_view detail, TimePoint now) {
  shared_.overloaded.fetch_add(1, std::memory_order_relaxed);
  answer(try_again(request_id_, detail), now);
}

void Connection::answer(Response response, TimePoint now) {
  release_body();
  ++sequence_;  // a second answer to the same request finds nobody
  if (response.close || shared_.draining.load(std::memory_order_relaxed) || peer_finished_) keep_alive_ = false;
  if (response.stream && minor_version_ == 0) keep_alive_ = false;
  append_response_head(
      output_, response,
      {.date = loop_.date(), .request_id = request_id_, .keep_alive = keep_alive_, .minor_version = minor_version_});
  reply_end_ = now + kLongestReply;
  set_deadline(now + shared_.options.write_timeout);
  if (response.stream) {
    start_stream(std::move(response));
    return;
  }
  if (has_body(response) && !is_head_) output_.append(response.body);
  state_ = State::kReplying;
}

void Connection::start_stream(Response response) {
  state_ = State::kReplying;
  if (is_head_) return;
  auto gate = std::make_shared<StreamGate>();
  auto work = make_stream_work(gate, loop_.inbox(), id_, sequence_, std::move(response.stream));
  if (!shared_.streams.start(std::move(work))) {
    output_.clear();
    sent_ = 0;
    overloaded("too many responses are being streamed", std::chrono::steady_clock::now());
    return;
  }
  stream_ = std::move(gate);
  stream_unsent_ = 0;
  state_ = State::kStreaming;
}

// True when all was sent.
bool Connection::flush(TimePoint now) {
  while (sent_ < output_.size()) {
    const Channel::Result result = channel_.write(std::string_view(output_).substr(sent_));
    if (result.io == Channel::Io::kDone) {
      sent_ += result.bytes;
      if (state_ == State::kStreaming) {
        set_deadline(now + shared_.options.write_timeout);
      } else if (state_ == State::kReplying) {
        set_deadline(std::min(now + shared_.options.write_timeout, reply_end_));
      }
      continue;
    }
    if (result.io == Channel::Io::kClosed) close();
    wants_write_ = result.io == Channel::Io::kWantWrite;
    return false;
  }
  if (output_.capacity() > kMaxReadAhead) {
    output_ = {};
  } else {
    output_.clear();
  }
  sent_ = 0;
  if (stream_) stream_->release(std::exchange(stream_unsent_, 0));
  return true;
}

void Connection::end_reply(TimePoint now) {
  request_ = {};
  request_id_.clear();
  // What was sent may be secret, and the next request may be long in coming.
  if (input_.empty()) wipe(input_);
  if (keep_alive_) {
    if (input_.empty() && input_.capacity() > kMaxReadAhead) input_ = {};
    await_request(now);
    return;
  }
  // Closing at once would send a reset that can overtake the answer when the peer has sent more than we read.
  channel_.finish_writing();
  wipe(input_);
  input_ = {};
  state_ = State::kLingering;
  lingered_ = 0;
  set_deadline(now + kLingerTime);
}

bool Connection::linger() {
  const std::string_view bytes = fill();
  lingered_ += bytes.size();
  if (bytes.empty() && !peer_finished_) return false;
  if (peer_finished_ || lingered_ > kMaxLingered) {
    if (!peer_finished_) channel_.abort();
    close();
    return false;
  }
  return true;
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  release_body();
  if (stream_) stream_->close();
}

}  // namespace penstock::listener
