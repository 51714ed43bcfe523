// One connection, from its first byte to its last: proxy header, handshake, requests one after another, and an end that
// lets the peer read the last answer. Belongs to one loop and is touched by its thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/listener/chunked_body.h"
#include "core/listener/reply.h"
#include "core/listener/response_stream.h"
#include "core/listener/shared.h"
#include "core/listener/tls.h"

namespace penstock::listener {

class EventLoop;

class Connection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // The counted address is given back to the listener's counts at the end; empty = none.
  Connection(EventLoop& loop, std::uint64_t id, UniqueFd socket, std::string peer_address, std::string counted_address,
             TimePoint now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void handle_event(std::uint32_t events, TimePoint now);
  void handle_message(Inbox::Message& message, TimePoint now);
  void check_deadline(TimePoint now);
  // Closes it when it waits for a request, else after the answer.
  void drain(TimePoint now);

  int fd() const noexcept { return channel_.fd(); }
  bool closed() const noexcept { return state_ == State::kClosed; }
  bool idle() const noexcept { return state_ == State::kHead && input_.empty(); }
  TimePoint deadline() const noexcept { return deadline_; }
  // What epoll is to wait for.
  std::uint32_t interest() const noexcept;
  std::uint32_t registered_interest = 0;  // the loop's note

 private:
  enum class State { kProxyHeader, kHandshake, kHead, kBody, kHandling, kReplying, kStreaming, kLingering, kClosed };

  void set_deadline(TimePoint deadline);
  void advance(TimePoint now);
  bool step(TimePoint now);  // false when it has to wait
  bool read_proxy_header(TimePoint now);
  bool read_head(TimePoint now);
  bool read_body(TimePoint now);
  bool linger();
  std::string_view fill();  // bytes that have arrived; empty when none have

  void begin_request(const RequestHead& head, std::size_t head_bytes, TimePoint now);
  bool take_body_bytes(std::string_view bytes);
  bool reserve_body();
  void release_body();
  void dispatch(TimePoint now);
  void answer(Response response, TimePoint now);
  void refuse(int status, std::string_view detail, TimePoint now);
  void overloaded(std::string_view detail, TimePoint now);
  void start_stream(Response response);
  bool flush(TimePoint now);
  void end_reply(TimePoint now);
  void await_request(TimePoint now);
  void close();

  EventLoop& loop_;
  Shared& shared_;
  const std::uint64_t id_;
  std::string peer_address_;
  const std::string counted_address_;  // empty = not counted
  Channel channel_;
  State state_ = State::kHead;
  TimePoint deadline_;
  TimePoint drained_by_ = TimePoint::max();
  bool wants_write_ = false;
  bool peer_finished_ = false;

  std::string input_;             // bytes of the next requests
  std::size_t scratch_used_ = 0;  // how much of the loop's buffer holds what was read last
  HeadScanner scanner_;
  std::size_t requests_ = 0;
  bool skipped_blank_line_ = false;

  // The request in progress.
  std::uint64_t sequence_ = 0;
  Request request_;  // moved out when it is handed on
  std::string request_id_;
  Framing framing_ = Framing::kNone;
  std::uint64_t body_left_ = 0;
  std::optional<ChunkedBody> chunks_;
  std::uint64_t reserved_ = 0;
  std::optional<std::size_t> route_;
  bool keep_alive_ = true;
  bool is_head_ = false;
  int minor_version_ = 1;

  std::string output_;
  std::size_t sent_ = 0;
  TimePoint reply_end_;  // however slowly it is read
  std::shared_ptr<StreamGate> stream_;
  std::size_t stream_unsent_ = 0;
  std::size_t lingered_ = 0;
};

}  // namespace penstock::listener
