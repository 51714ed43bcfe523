#include "tests/sandbox/http_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxHeaderBytes = 64u << 10;
constexpr int kIdleMilliseconds = 75'000;
constexpr int kStallMilliseconds = 30'000;
constexpr std::uint64_t kMaxDrainBytes = 4u << 20;

bool wait_for(int fd, short events, int timeout_milliseconds) {
  pollfd entry{fd, events, 0};
  int ready;
  do {
    ready = ::poll(&entry, 1, timeout_milliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// Buffered reading of one connection.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  // The number of bytes put into the buffer; 0 at the end, on a fault and on a time-out.
  std::size_t fill(int timeout_milliseconds) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ == buffer_.size()) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      if (end_ == buffer_.size()) return 0;
    }
    if (!wait_for(fd_, POLLIN, timeout_milliseconds)) return 0;
    ssize_t count;
    do {
      count = ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return 0;
    end_ += static_cast<std::size_t>(count);
    return static_cast<std::size_t>(count);
  }

  std::string_view buffered() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t count) { begin_ += count; }

  std::size_t read_some(char* out, std::size_t size) {
    if (begin_ == end_) {
      // Large reads go past the buffer.
      if (!wait_for(fd_, POLLIN, kStallMilliseconds)) return 0;
      ssize_t count;
      do {
        count = ::recv(fd_, out, size, 0);
      } while (count < 0 && errno == EINTR);
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    const std::size_t count = std::min(size, end_ - begin_);
    std::memcpy(out, buffer_.data() + begin_, count);
    begin_ += count;
    return count;
  }

  std::optional<std::string> read_line(std::size_t limit) {
    for (;;) {
      const auto text = buffered();
      const auto newline = text.find('\n');
      if (newline != std::string_view::npos) {
        std::string line(text.substr(0, newline));
        consume(newline + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        return line;
      }
      if (text.size() > limit || fill(kStallMilliseconds) == 0) return std::nullopt;
    }
  }

  bool write_all(std::string_view data) {
    while (!data.empty()) {
      const ssize_t count = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        data.remove_prefix(static_cast<std::size_t>(count));
      } else if (count < 0 && errno == EAGAIN) {
        if (!wait_for(fd_, POLLOUT, kStallMilliseconds)) return false;
      } else if (!(count < 0 && errno == EINTR)) {
        return false;
      }
    }
    return true;
  }

  bool write_file(const FileBody& file) {
    off_t offset = static_cast<off_t>(file.offset);
    std::uint64_t left = file.length;
    while (left > 0) {
      const ssize_t count =
          ::sendfile(fd_, file.fd.get(), &offset, static_cast<std::size_t>(std::min<std::uint64_t>(left, 1u << 20)));
      if (count > 0) {
        left -= static_cast<std::uint64_t>(count);
      } else if (count < 0 && errno == EAGAIN) {
        if (!wait_for(fd_, POLLOUT, kStallMilliseconds)) return false;
      } else if (!(count < 0 && errno == EINTR)) {
        return false;
      }
    }
    return true;
  }

  int fd() const { return fd_; }

 private:
  int fd_;
  std::vector<char> buffer_ = std::vector<char>(kMaxHeaderBytes);
  std::size_t begin_ = 0, end_ = 0;
};

class RequestBody final : public ByteSource {
 public:
  RequestBody(Connection& connection, std::optional<std::uint64_t> length, bool chunked, bool expects_continue)
      : connection_(connection), chunked_(chunked), expects_continue_(expects_continue), left_(length.value_or(0)) {
    finished_ = !chunked && left_ == 0;
  }

  std::size_t read(char* buffer, std::size_t size) override {
    if (finished_ || size == 0) return 0;
    if (expects_continue_) {
      expects_continue_ = false;
      if (!connection_.write_all("HTTP/1.1 100 Continue\r\n\r\n")) fail("the client is gone");
    }
    if (chunked_ && left_ == 0 && !next_chunk()) return 0;
    const auto count = connection_.read_some(buffer, static_cast<std::size_t>(std::min<std::uint64_t>(size, left_)));
    if (count == 0) fail("the body ended early");
    left_ -= count;
    if (left_ == 0) {
      if (chunked_) {
        const auto line = connection_.read_line(16);
        if (!line || !line->empty()) fail("a chunk does not end where it says");
      } else {
        finished_ = true;
      }
    }
    return count;
  }

  // True when the connection stands at the end of this request.
  bool drain() {
    if (finished_) return true;
    if (expects_continue_) return false;
    std::array<char, 16384> scratch;
    std::uint64_t total = 0;
    try {
      while (total < kMaxDrainBytes) {
        const auto count = read(scratch.data(), scratch.size());
        if (count == 0) return true;
        total += count;
      }
    } catch (const BodyError&) {
    }
    return false;
  }

 private:
  [[noreturn]] void fail(const char* why) {
    finished_ = true;
    broken_ = true;
    throw BodyError(std::string("reading the request body: ") + why);
  }

  bool next_chunk() {
    const auto line = connection_.read_line(4096);
    if (!line) fail("the body ended early");
    const auto digits = line->substr(0, line->find(';'));
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) fail("a chunk size is not a number");
    if (left_ > 0) return true;
    for (;;) {  // trailers
      const auto trailer = connection_.read_line(8192);
      if (!trailer) fail("the trailers ended early");
      if (trailer->empty()) break;
    }
    finished_ = true;
    return false;
  }

 public:
  bool broken() const { return broken_; }

 private:
  Connection& connection_;
  bool chunked_;
  bool expects_continue_;
  bool finished_ = false;
  bool broken_ = false;
  std::uint64_t left_;
};

enum class ParseOutcome { kRequest, kEnd, kBad, kTooLarge };

ParseOutcome parse_head(Connection& connection, Request& request) {
  std::size_t scanned = 0;
  std::size_t end;
  for (;;) {
    const auto text = connection.buffered();
    end = text.find("\r\n\r\n", scanned);
    if (end != std::string_view::npos) break;
    if (text.size() >= kMaxHeaderBytes) return ParseOutcome::kTooLarge;
    scanned = text.size() < 3 ? 0 : text.size() - 3;
    if (connection.fill(text.empty() ? kIdleMilliseconds : kStallMilliseconds) == 0) return ParseOutcome::kEnd;
  }
  const std::string head(connection.buffered().substr(0, end + 2));
  connection.consume(end + 4);

  std::size_t line_end = head.find("\r\n");
  const std::string_view start_line = std::string_view(head).substr(0, line_end);
  const auto first = start_line.find(' ');
  const auto last = start_line.rfind(' ');
  if (first == std::string_view::npos || last == first || start_line.substr(last + 1) != "HTTP/1.1") {
    return ParseOutcome::kBad;
  }
  request.method = start_line.substr(0, first);
  request.target = start_line.substr(first + 1, last - first - 1);
  if (request.target.empty() || request.target[0] != '/') return ParseOutcome::kBad;
  const auto question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string::npos) request.query = request.target.substr(question + 1);

  std::size_t begin = line_end + 2;
  while (begin < head.size()) {
    line_end = head.find("\r\n", begin);
    const std::string_view line = std::string_view(head).substr(begin, line_end - begin);
    begin = line_end + 2;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line[0] == ' ' || line[0] == '\t') return ParseOutcome::kBad;
    request.headers.push_back({std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))});
  }
  return ParseOutcome::kRequest;
}

void append_head(std::string& out, const Response& response, std::uint64_t length, bool close) {
  out += "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) + "\r\n";
  for (const auto& header : response.headers) out += header.name + ": " + header.value + "\r\n";
  if (response.status != 204 && response.status != 304) out += "Content-Length: " + std::to_string(length) + "\r\n";
  if (close) out += "Connection: close\r\n";
  out += "\r\n";
}

// Lets the client read the answer before the kernel resets the connection because of bytes that nobody read.
void close_gently(int fd) {
  ::shutdown(fd, SHUT_WR);
  std::array<char, 16384> scratch;
  std::uint64_t total = 0;
  while (total < kMaxDrainBytes && wait_for(fd, POLLIN, 1000)) {
    const ssize_t count = ::recv(fd, scratch.data(), scratch.size(), 0);
    if (count <= 0) break;
    total += static_cast<std::uint64_t>(count);
  }
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) return true;
    return IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127;
  }
  return false;
}

// Also through an address of the machine's network.
bool is_this_machine(int fd, const sockaddr_storage& peer) {
  if (is_loopback(peer)) return true;
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0 || own.ss_family != AF_INET ||
      peer.ss_family != AF_INET) {
    return false;
  }
  sockaddr_in ours, theirs;
  std::memcpy(&ours, &own, sizeof ours);
  std::memcpy(&theirs, &peer, sizeof theirs);
  return ours.sin_addr.s_addr == theirs.sin_addr.s_addr;
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

const std::string* Request::find(std::string_view name) const {
  for (const auto& header : headers) {
    if (equals_ignoring_case(header.name, name)) return &header.value;
  }
  return nullptr;
}

std::string Request::header(std::string_view name) const {
  const auto* value = find(name);
  return value ? *value : std::string();
}

std::string Request::read_all(std::size_t limit) const {
  std::string result;
  if (content_length && *content_length > limit) throw std::length_error("the body is too long");
  if (content_length) result.reserve(static_cast<std::size_t>(*content_length));
  std::array<char, 16384> buffer;
  while (const auto count = body->read(buffer.data(), buffer.size())) {
    if (result.size() + count > limit) throw std::length_error("the body is too long");
    result.append(buffer.data(), count);
  }
  return result;
}

HttpServer::HttpServer(Options options, Handler handler) : options_(std::move(options)), handler_(std::move(handler)) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string where = options_.address + ":" + std::to_string(options_.port);
  if (const int code = ::getaddrinfo(options_.address.c_str(), std::to_string(options_.port).c_str(), &hints, &found)) {
    throw Error(ErrorKind::kConfiguration, "listening on \"" + where + "\": " + ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  listener_.reset(::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(listener_.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      ::listen(listener_.get(), SOMAXCONN) != 0) {
    throw Error(ErrorKind::kConfiguration, "listening on \"" + where + "\": " + std::strerror(errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  if (bound.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &bound, sizeof v6);
    port_ = ntohs(v6.sin6_port);
  } else {
    sockaddr_in v4;
    std::memcpy(&v4, &bound, sizeof v4);
    port_ = ntohs(v4.sin_port);
  }
  std::array<int, 2> pipe_ends;
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kExhausted, std::string("making a pipe: ") + std::strerror(errno));
  }
  wake_read_.reset(pipe_ends[0]);
  wake_write_.reset(pipe_ends[1]);
  acceptor_ = std::thread([this] { accept_loop(); });
}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::stop() {
  if (!stopping_.exchange(true)) {
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(wake_write_.get(), &byte, 1);
  }
  if (acceptor_.joinable()) acceptor_.join();
  std::unique_lock lock(mutex_);
  for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
  idle_.wait(lock, [this] { return connections_.empty(); });
}

void HttpServer::accept_loop() {
  while (!stopping_) {
    std::array<pollfd, 2> entries{pollfd{listener_.get(), POLLIN, 0}, pollfd{wake_read_.get(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) return;
    if (stopping_) return;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE) wait_for(wake_read_.get(), POLLIN, 50);
      continue;
    }
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval stall{kStallMilliseconds / 1000, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
    std::lock_guard lock(mutex_);
    if (connections_.size() >= options_.max_connections) continue;
    const int raw = fd.get();
    connections_.insert(raw);
    try {
      const bool loopback = is_this_machine(raw, peer);
      std::thread([this, connection = std::move(fd), loopback]() mutable {
        const int number = connection.get();
        serve(number, loopback);
        // The number leaves the set before it can be given out again.
        std::lock_guard guard(mutex_);
        connections_.erase(number);
        connection.reset();
        if (connections_.empty()) idle_.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      connections_.erase(raw);
    }
  }
}

void HttpServer::serve(int fd, bool loopback) {
  Connection connection(fd);
  while (!stopping_) {
    Request request;
    request.from_loopback = loopback;
    const auto outcome = parse_head(connection, request);
    if (outcome == ParseOutcome::kEnd) return;
    if (outcome != ParseOutcome::kRequest) {
      Response refusal;
      refusal.status = outcome == ParseOutcome::kTooLarge ? 431 : 400;
      std::string head;
      append_head(head, refusal, 0, true);
      connection.write_all(head);
      close_gently(fd);
      return;
    }
    const bool chunked = equals_ignoring_case(request.header("Transfer-Encoding"), "chunked");
    if (const auto* length = request.find("Content-Length"); length && !chunked) {
      request.content_length = parse_unsigned(*length);
      if (!request.content_length) {
        Response refusal;
        refusal.status = 400;
        std::string head;
        append_head(head, refusal, 0, true);
        connection.write_all(head);
        return;
      }
    }
    request.has_body = chunked || request.content_length.value_or(0) > 0;
    RequestBody body(connection, request.content_length, chunked,
                     equals_ignoring_case(request.header("Expect"), "100-continue"));
    request.body = &body;

    Response response = handler_(request);

    if (response.delivery == Delivery::kResetUnanswered) {
      const linger at_once{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return;
    }
    if (response.delivery == Delivery::kCloseUnanswered) {
      body.drain();  // so that the client sees the end of the stream, not a reset
      ::shutdown(fd, SHUT_RDWR);
      return;
    }
    const bool reusable = body.drain() && !body.broken();
    const bool close = !reusable || stopping_ || equals_ignoring_case(request.header("Connection"), "close") ||
                       response.delivery == Delivery::kCutShort;
    const bool head_only = request.method == "HEAD";
    const std::uint64_t length = response.length_only ? *response.length_only
                                 : response.file      ? response.file->length
                                                      : response.body.size();
    std::string out;
    append_head(out, response, length, close);
    if (response.delivery == Delivery::kCutShort) {
      if (!head_only && !response.file) out += response.body.substr(0, response.body.size() / 2);
      connection.write_all(out);
      if (!head_only && response.file) {
        response.file->length /= 2;
        connection.write_file(*response.file);
      }
      return;
    }
    if (!head_only && !response.file) out += response.body;
    if (!connection.write_all(out)) return;
    if (!head_only && response.file && !connection.write_file(*response.file)) return;
    if (close) {
      close_gently(fd);
      return;
    }
  }
}

}  // namespace penstock::sandbox
