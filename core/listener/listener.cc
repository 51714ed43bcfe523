#include "core/listener/listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/text.h"
#include "core/listener/event_loop.h"
#include "core/listener/shared.h"

namespace penstock::listener {
namespace {

constexpr int kBacklog = 1024;
constexpr int kMostLoops = 4;
constexpr int kAcceptsAtOnce = 64;
// Descriptors that are kept for the history, git, AWS and logs.
constexpr rlim_t kOtherDescriptors = 256;

std::string name_of(const Address& address) {
  if (address.inherited_fd >= 0) return "the inherited socket " + std::to_string(address.inherited_fd);
  if (!address.unix_path.empty()) return "unix:" + address.unix_path;
  return in_quotes(address.host) + " port " + std::to_string(address.port);
}

[[noreturn]] void fail(const Address& address, std::string_view cause) {
  throw Error(ErrorKind::kConfiguration, "listening on " + name_of(address) + ": " + std::string(cause));
}

[[noreturn]] void fail_with_errno(const Address& address, int error_number) {
  if (error_number == EADDRINUSE) fail(address, "the address is in use");
  if (error_number == EADDRNOTAVAIL) fail(address, "the address is not one of this machine");
  if (error_number == EACCES) fail(address, "not allowed; ports below 1024 need CAP_NET_BIND_SERVICE");
  fail(address, std::strerror(error_number));
}

UniqueFd open_tcp(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                    std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0) fail(address, ::gai_strerror(failure));
  const Handle<addrinfo, freeaddrinfo> owner(found);
  UniqueFd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) fail_with_errno(address, errno);
  const int yes = 1;
  // Not SO_REUSEPORT: a second process could take half of our connections.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (found->ai_family == AF_INET6) {
    const int no = 0;  // "::" takes IPv4 too
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  }
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0) fail_with_errno(address, errno);
  return socket;
}

UniqueFd open_unix(const Address& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.unix_path.size() >= sizeof name.sun_path) fail(address, "the path is too long for a socket");
  address.unix_path.copy(name.sun_path, sizeof name.sun_path - 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&name);
  struct stat present {};
  if (::lstat(name.sun_path, &present) == 0) {
    if (!S_ISSOCK(present.st_mode)) fail(address, "the path exists and is no socket");
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), generic, sizeof name) == 0) fail(address, "another process listens there");
    ::unlink(name.sun_path);  // left behind by a process that ended without saying so
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) fail_with_errno(address, errno);
  const mode_t before = ::umask(0117);
  const int bound = ::bind(socket.get(), generic, sizeof name);
  const int error_number = errno;
  ::umask(before);
  if (bound != 0) fail_with_errno(address, error_number);
  return socket;
}

UniqueFd open_inherited(const Address& address) {
  UniqueFd socket(address.inherited_fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    fail(address, "it is no listening stream socket");
  }
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  return socket;
}

int port_of(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  return 0;
}

// Who connects through a Unix socket is on this machine.
std::string address_of(const sockaddr_storage& name) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (name.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(name).sin_addr, text.data(), text.size());
  } else if (name.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(name).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      ::inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &address, text.data(), text.size());
    }
  } else {
    return "127.0.0.1";
  }
  return text.data();
}

// As many connections as there may be descriptors, after asking for all that this process may have.
std::size_t affordable_connections(std::size_t wanted, const telemetry::Log& log) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted + kOtherDescriptors;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min<rlim_t>(needed, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed) return wanted;
  const std::size_t affordable =
      limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : limit.rlim_cur / 2;
  log.warning("fewer connections than configured: the limit of open files is too low",
              {{"connections", affordable}, {"limitNoFile", static_cast<std::uint64_t>(limit.rlim_cur)}});
  return affordable;
}

Listener::Options completed(Listener::Options options, const telemetry::Log& log) {
  if (options.loops <= 0) {
    options.loops = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostLoops);
  }
  options.max_connections = affordable_connections(options.max_connections, log);
  return options;
}

}  // namespace

std::vector<Address> take_inherited_sockets() {
  constexpr int kFirst = 3;
  const auto number_in = [](const char* name) {
    const char* text = std::getenv(name);
    int number = 0;
    if (text == nullptr) return 0;
    std::from_chars(text, text + std::strlen(text), number);
    return number;
  };
  std::vector<Address> addresses;
  if (number_in("LISTEN_PID") == ::getpid()) {
    const int count = std::clamp(number_in("LISTEN_FDS"), 0, 64);
    for (int fd = kFirst; fd < kFirst + count; ++fd) {
      Address address;
      address.inherited_fd = fd;
      addresses.push_back(std::move(address));
    }
  }
  // They are not for the programs that this one starts.
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return addresses;
}

class Listener::Impl {
 public:
  Impl(Options options, const Clock& clock, const telemetry::Log& log)
      : shared_(completed(std::move(options), log), clock, log) {
    if (shared_.options.tls) shared_.tls.emplace(*shared_.options.tls);
    for (int i = 0; i < shared_.options.loops; ++i) loops_.push_back(std::make_unique<EventLoop>(shared_));
  }

  ~Impl() {
    for (const std::string& path : unix_paths_) ::unlink(path.c_str());
  }

  void add_route(const std::string& method, const std::string& pattern, Route route) {
    shared_.router.add(method, pattern);
    shared_.routes.push_back(std::move(route));
  }

  int bind() {
    for (const Address& address : shared_.options.addresses) {
      UniqueFd socket;
      if (address.inherited_fd >= 0) {
        socket = open_inherited(address);
      } else if (!address.unix_path.empty()) {
        socket = open_unix(address);
        unix_paths_.push_back(address.unix_path);
      } else {
        socket = open_tcp(address);
      }
      if (::listen(socket.get(), kBacklog) != 0) fail_with_errno(address, errno);
      sockets_.push_back(std::move(socket));
    }
    if (sockets_.empty()) throw Error(ErrorKind::kConfiguration, "listening: no address is configured");
    return port_of(sockets_.front().get());
  }

  void serve() {
    for (const UniqueFd& socket : sockets_) {
      loops_.front()->watch(
          socket.get(), [this, fd = socket.get()] { accept_from(fd); }, [this, fd = socket.get()] { resume(fd); });
    }
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < loops_.size(); ++i) {
      others.emplace_back([loop = loops_[i].get()] { loop->run(); });
    }
    loops_.front()->run();
  }

  void stop() {
    shared_.draining = true;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      loops_[i]->post([this, i] {
        // What is still in the backlog is told by a reset to go elsewhere.
        if (i == 0) sockets_.clear();
        loops_[i]->stop();
      });
    }
  }

  Shared& shared() noexcept { return shared_; }
  const Shared& shared() const noexcept { return shared_; }

 private:
  void accept_from(int listening) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      sockaddr_storage name{};
      socklen_t size = sizeof name;
      UniqueFd socket(::accept4(listening, reinterpret_cast<sockaddr*>(&name), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) pause(listening, errno);
        return;
      }
      shared_.accepted.fetch_add(1, std::memory_order_relaxed);
      admit(std::move(socket), address_of(name));
    }
  }

  void admit(UniqueFd socket, std::string peer) {
    const Options& options = shared_.options;
    std::string counted;
    if (!options.is_trusted_proxy || !options.is_trusted_proxy(peer)) {
      if (!shared_.addresses.add(peer, options.max_connections_per_address)) {
        shared_.refused_connections.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      counted = peer;
    }
    EventLoop& loop = *loops_[next_loop_++ % loops_.size()];
    // Connections on their way to a loop are not counted yet; the overshoot is at most one backlog.
    if (shared_.open.load(std::memory_order_relaxed) >= options.max_connections && !loops_.front()->close_idlest()) {
      shared_.refused_connections.fetch_add(1, std::memory_order_relaxed);
      if (!counted.empty()) shared_.addresses.remove(counted);
      return;
    }
    const int yes = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    if (&loop == loops_.front().get()) {
      loop.adopt(std::move(socket), std::move(peer), std::move(counted));
      return;
    }
    // A function must be copyable, a descriptor is not.
    auto carried = std::make_shared<UniqueFd>(std::move(socket));
    loop.post([&loop, carried, peer = std::move(peer), counted = std::move(counted)] {
      loop.adopt(std::move(*carried), peer, counted);
    });
  }

  // Without descriptors accept() fails and the socket stays readable: looking again at once would burn the processor.
  void pause(int listening, int error_number) {
    loops_.front()->pause_watching(listening, true);
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_complaint_) {
      shared_.log.warning("accepting connections failed; trying again", {{"error", std::strerror(error_number)}});
      next_complaint_ = now + std::chrono::minutes(1);
    }
    paused_ = true;
  }

  void resume(int listening) {
    if (!paused_) return;
    paused_ = false;
    loops_.front()->pause_watching(listening, false);
  }

  Shared shared_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<UniqueFd> sockets_;
  std::vector<std::string> unix_paths_;
  // The rest belongs to the first loop's thread.
  std::size_t next_loop_ = 0;
  bool paused_ = false;
  std::chrono::steady_clock::time_point next_complaint_{};
};

Listener::Listener(Options options, const Clock& clock, const telemetry::Log& log)
    : impl_(std::make_unique<Impl>(std::move(options), clock, log)) {}
Listener::~Listener() = default;

void Listener::route(const std::string& method, const std::string& pattern, Handler handler) {
  impl_->add_route(method, pattern, {.handler = std::move(handler), .async = {}});
}
void Listener::route_async(const std::string& method, const std::string& pattern, AsyncHandler handler) {
  impl_->add_route(method, pattern, {.handler = {}, .async = std::move(handler)});
}
int Listener::bind() {
  return impl_->bind();
}
void Listener::serve() {
  impl_->serve();
}
void Listener::stop() {
  impl_->stop();
}
void Listener::use_certificate(const TlsFiles& files) {
  if (impl_->shared().tls) impl_->shared().tls->use_certificate(files);
}
std::optional<Timestamp> Listener::certificate_expiry() const {
  if (!impl_->shared().tls) return std::nullopt;
  return impl_->shared().tls->certificate_expiry();
}

Listener::Stats Listener::stats() const {
  const Shared& shared = impl_->shared();
  const auto read = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  return {.open = read(shared.open),
          .accepted = read(shared.accepted),
          .requests = read(shared.requests),
          .refused_connections = read(shared.refused_connections),
          .failed_handshakes = read(shared.failed_handshakes),
          .bad_requests = read(shared.bad_requests),
          .timeouts = read(shared.timeouts),
          .overloaded = read(shared.overloaded)};
}

}  // namespace penstock::listener
