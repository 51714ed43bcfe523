#include "core/http/curl_transport.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <malloc.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/text.h"
#include "core/http/curl_error.h"
#include "core/http/url.h"

namespace penstock::http {

namespace {

constexpr std::uint64_t kExpectContinueFrom = 1u << 20;
constexpr std::size_t kMaxHeaderBytes = 256u << 10;
constexpr std::size_t kMaxErrorBytes = 1u << 20;  // of an error's body where the body asked for is not held

using Easy = Handle<CURL, curl_easy_cleanup>;
using Multi = Handle<CURLM, curl_multi_cleanup>;
using Share = Handle<CURLSH, curl_share_cleanup>;
using HeaderList = Handle<curl_slist, curl_slist_free_all>;

// Requests carry credentials and tokens through libcurl's buffers: what it frees is overwritten first.
void release(void* memory) {
  if (memory == nullptr) return;
  ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

void* reallocate(void* memory, std::size_t size) {
  const std::size_t before = memory == nullptr ? 0 : ::malloc_usable_size(memory);
  if (memory != nullptr && size <= before && size > before / 2) return memory;
  void* const grown = std::malloc(size > 0 ? size : 1);
  if (grown == nullptr) return nullptr;
  if (memory != nullptr) {
    std::memcpy(grown, memory, std::min(before, size));
    release(memory);
  }
  return grown;
}

void initialise_libcurl() {
  static const CURLcode code =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, release, reallocate, ::strdup, std::calloc);
  if (code != CURLE_OK) throw Error(ErrorKind::kInternal, "initialising libcurl: refused");
}

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code == CURLE_OUT_OF_MEMORY) throw Error(ErrorKind::kExhausted, "preparing an HTTP request: out of memory");
  if (code != CURLE_OK) {
    throw Error(ErrorKind::kInternal, "preparing an HTTP request: option " + std::to_string(option) +
                                          " refused: " + curl_easy_strerror(code));
  }
}

bool is_token(std::string_view text) {
  constexpr std::string_view kSpecial = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSpecial.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

// One request under way: the state that libcurl's callbacks share. Nothing may be thrown through libcurl, so what a
// callback wants to throw is kept and thrown by the caller of libcurl.
class Exchange {
 public:
  Exchange(const Request& request, std::string printable) : request_(request), printable_(std::move(printable)) {
    size_ = request.body_source != nullptr ? request.body_source->size : request.body.size();
    if (request.body_source != nullptr) request.body_source->rewind();
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::uint64_t body_size() const { return size_; }
  bool refused_to_repeat() const { return refused_to_repeat_; }
  std::exception_ptr failure() const { return failure_; }
  Response& response() { return response_; }
  std::string doing() const { return "requesting " + request_.method + " " + in_quotes(printable_); }

  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
    return static_cast<Exchange*>(self)->read(buffer, size * count);
  }
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    return static_cast<Exchange*>(self)->write({data, size * count}) ? size * count : ~size_t{0};
  }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    return static_cast<Exchange*>(self)->header({data, size * count}) ? size * count : ~size_t{0};
  }
  // libcurl seeks for one reason: to send the body again on a fresh connection. Before the first byte went out there is
  // nothing to repeat.
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept {
    auto* exchange = static_cast<Exchange*>(self);
    if (offset == 0 && origin == SEEK_SET && exchange->position_ == 0) return CURL_SEEKFUNC_OK;
    exchange->refused_to_repeat_ = true;
    return CURL_SEEKFUNC_FAIL;
  }

 private:
  template <typename Function>
  bool guarded(Function function) noexcept {
    try {
      function();
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  std::size_t read(char* buffer, std::size_t capacity) noexcept {
    std::size_t filled = 0;
    const bool read = guarded([&] {
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size_ - position_));
      if (wanted == 0) return;
      if (request_.body_source != nullptr) {
        filled = request_.body_source->read(buffer, wanted);
        if (filled == 0 || filled > wanted) {
          throw Error(ErrorKind::kInternal, doing() + ": the body ended after " + std::to_string(position_) + " of " +
                                                std::to_string(size_) + " bytes");
        }
      } else {
        filled = wanted;
        std::memcpy(buffer, request_.body.data() + position_, filled);
      }
      position_ += filled;
    });
    return read ? filled : CURL_READFUNC_ABORT;
  }

  void count(std::size_t size, bool streamed) {
    const std::size_t bound = request_.on_body && !streamed ? std::min(request_.max_response_bytes, kMaxErrorBytes)
                                                            : request_.max_response_bytes;
    received_ += size;
    if (received_ <= bound) return;
    throw Error(ErrorKind::kExhausted, doing() + ": the answer is longer than " + std::to_string(bound) + " bytes")
        .with_may_have_happened(true);
  }

  bool write(std::string_view data) noexcept {
    return guarded([&] {
      const bool streamed = request_.on_body && response_.status >= 200 && response_.status < 300;
      const bool first = received_ == 0;
      count(data.size(), streamed);
      if (streamed) {
        if (first && request_.on_head) request_.on_head(response_);
        request_.on_body(data);
      } else {
        response_.body.append(data);
      }
    });
  }

  bool header(std::string_view line) noexcept {
    return guarded([&] {
      header_bytes_ += line.size();
      if (header_bytes_ > kMaxHeaderBytes) {
        throw Error(ErrorKind::kExhausted,
                    doing() + ": the answer's header is longer than " + std::to_string(kMaxHeaderBytes) + " bytes")
            .with_may_have_happened(true);
      }
      if (complete_) return;  // a trailer
      line = trim(line);
      if (line.starts_with("HTTP/")) {  // an interim answer's fields are not the answer's
        response_.headers = {};
        const std::size_t space = line.find(' ');
        const auto status = parse_unsigned(line.substr(std::min(space, line.size() - 1) + 1, 3));
        response_.status = status ? static_cast<int>(*status) : 0;
      } else if (line.empty()) {
        complete_ = response_.status >= 200;
      } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
        response_.headers.add(std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1))));
      }
    });
  }

  const Request& request_;
  std::string printable_;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t received_ = 0;
  std::size_t header_bytes_ = 0;
  bool complete_ = false;
  bool refused_to_repeat_ = false;
  std::exception_ptr failure_;
  Response response_;
};

curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) noexcept {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// libcurl's own words for the fault, which can quote what the server sent.
std::string cause(CURLcode code, const char* detail) {
  std::string text = *detail != '\0' ? detail : curl_easy_strerror(code);
  text = truncate_utf8(text, 300, 600);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return std::string(trim(text));
}

}  // namespace

struct CurlTransport::Pool {
  // One connection cache with the handle that uses it. The multi handle owns the connections, and it alone can be woken
  // from another thread.
  struct Entry {
    Multi multi;
    Easy easy;
    std::string origin;
  };

  explicit Pool(Options given) : options(std::move(given)) {
    initialise_libcurl();
    read_proxies();
    share.reset(curl_share_init());
    if (!share) throw Error(ErrorKind::kExhausted, "preparing the HTTP client: out of memory");
    curl_share_setopt(share.get(), CURLSHOPT_USERDATA, this);
    curl_share_setopt(share.get(), CURLSHOPT_LOCKFUNC, &Pool::lock);
    curl_share_setopt(share.get(), CURLSHOPT_UNLOCKFUNC, &Pool::unlock);
    curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }

  static void lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
    static_cast<Pool*>(self)->locks[static_cast<std::size_t>(data) % kLocks].lock();
  }
  static void unlock(CURL*, curl_lock_data data, void* self) {
    static_cast<Pool*>(self)->locks[static_cast<std::size_t>(data) % kLocks].unlock();
  }

  void read_proxies() {
    const auto value = [&](std::initializer_list<const char*> names) -> std::string {
      for (const char* name : names) {
        if (options.variable) {
          if (auto found = options.variable(name); found && !found->empty()) return *found;
        } else if (const char* found = std::getenv(name); found != nullptr && *found != '\0') {
          return found;
        }
      }
      return "";
    };
    https_proxy = value({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    http_proxy = value({"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
    no_proxy = value({"no_proxy", "NO_PROXY"});
  }

  std::unique_ptr<Entry> acquire(const std::string& origin) {
    {
      std::lock_guard guard(mutex);
      // The youngest first: its connection is the least likely to have been closed by the server.
      auto found = std::find_if(idle.rbegin(), idle.rend(), [&](const auto& entry) { return entry->origin == origin; });
      if (found == idle.rend() && idle.size() >= options.max_idle_handles) found = idle.rend() - 1;
      if (found != idle.rend()) {
        auto entry = std::move(*found);
        idle.erase(std::next(found).base());
        entry->origin = origin;
        return entry;
      }
    }
    auto entry = std::make_unique<Entry>();
    entry->multi.reset(curl_multi_init());
    entry->easy.reset(curl_easy_init());
    entry->origin = origin;
    if (!entry->multi || !entry->easy) {
      throw Error(ErrorKind::kExhausted, "preparing an HTTP request: out of memory");
    }
    curl_multi_setopt(entry->multi.get(), CURLMOPT_MAXCONNECTS, 4L);
    return entry;
  }

  void release(std::unique_ptr<Entry> entry) {
    std::unique_ptr<Entry> surplus;  // closed outside the lock
    std::lock_guard guard(mutex);
    idle.push_back(std::move(entry));
    if (idle.size() > options.max_idle_handles) {
      surplus = std::move(idle.front());
      idle.erase(idle.begin());
    }
  }

  void apply_defaults(CURL* easy) {
    curl_easy_reset(easy);
    set(easy, CURLOPT_SHARE, share.get());
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(options.max_idle_time.count()));
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);  // a deadline does not wait for a name server
    set(easy, CURLOPT_HTTP_VERSION,
        static_cast<long>(options.version == Options::Version::kHttp1 ? CURL_HTTP_VERSION_1_1
                                                                      : CURL_HTTP_VERSION_2TLS));
    set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  }

  void apply_proxy(CURL* easy, const Request& request, const Url& url) {
    // Set in every case: an empty string keeps libcurl from reading the environment by itself.
    const bool use = request.proxy == ProxyUse::kFromEnvironment;
    const std::string& proxy = url.scheme == "https" ? https_proxy : http_proxy;
    set(easy, CURLOPT_PROXY, use ? proxy.c_str() : "");
    set(easy, CURLOPT_NOPROXY, use ? no_proxy.c_str() : "*");
  }

  HeaderList make_headers(const Request& request, const Exchange& exchange) const {
    HeaderList list;
    const auto append = [&](const std::string& line) {
      curl_slist* head = curl_slist_append(list.get(), line.c_str());
      if (head == nullptr) throw Error(ErrorKind::kExhausted, exchange.doing() + ": out of memory");
      static_cast<void>(list.release());
      list.reset(head);
    };
    for (const Headers::Field& field : request.headers.fields()) {
      if (!is_token(field.name) || !is_field_value(field.value)) {
        throw Error(ErrorKind::kInvalidInput,
                    exchange.doing() + ": the header field " + in_quotes(field.name) + " is not a valid one");
      }
      if (equals_ignoring_case(field.name, "content-length")) continue;  // libcurl counts
      const std::string_view value = trim(field.value);
      append(value.empty() ? field.name + ";" : field.name + ": " + std::string(value));
    }
    // A second of waiting for "100 Continue" pays only where a refusal saves a long upload.
    if (exchange.body_size() < kExpectContinueFrom) append("Expect:");
    return list;
  }

  void apply_request(CURL* easy, const Request& request, Exchange& exchange) {
    const std::string& method = request.method;
    const bool has_body = exchange.body_size() > 0 || request.body_source != nullptr || method == "POST" ||
                          method == "PUT" || method == "PATCH";
    set(easy, CURLOPT_URL, request.url.c_str());
    if (has_body) {
      set(easy, CURLOPT_UPLOAD, 1L);
      set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.body_size()));
    } else if (method == "HEAD") {
      set(easy, CURLOPT_NOBODY, 1L);
    }
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
    set(easy, CURLOPT_READFUNCTION, &Exchange::on_read);
    set(easy, CURLOPT_READDATA, &exchange);
    set(easy, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
    set(easy, CURLOPT_SEEKDATA, &exchange);
    set(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_write);
    set(easy, CURLOPT_WRITEDATA, &exchange);
    set(easy, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(easy, CURLOPT_HEADERDATA, &exchange);
    const auto positive = [](auto duration) { return std::max<long>(1, static_cast<long>(duration.count())); };
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, positive(std::min(request.connect_timeout, request.total_timeout)));
    set(easy, CURLOPT_TIMEOUT_MS, positive(request.total_timeout));
    set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(easy, CURLOPT_LOW_SPEED_TIME, positive(request.stall_timeout));
  }

  static constexpr std::size_t kLocks = 16;
  Options options;
  std::string https_proxy, http_proxy, no_proxy;
  std::array<std::mutex, kLocks> locks;
  Share share;  // outlives the handles in `idle`
  std::mutex mutex;
  std::vector<std::unique_ptr<Entry>> idle;  // oldest first
};

namespace {

// Drives one transfer to its end. Empty when it was stopped.
std::optional<CURLcode> perform(CURLM* multi, CURL* easy, const std::stop_token& stop, const std::string& doing) {
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
    throw Error(ErrorKind::kInternal, doing + ": libcurl did not accept the request");
  }
  struct Removal {
    CURLM* multi;
    CURL* easy;
    ~Removal() { curl_multi_remove_handle(multi, easy); }
  } removal{multi, easy};
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  while (!stop.stop_requested()) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
      throw Error(ErrorKind::kInternal, doing + ": " + curl_multi_strerror(code));
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE && message->easy_handle == easy) return message->data.result;
    }
    if (const CURLMcode code = curl_multi_poll(multi, nullptr, 0, 1000, nullptr); code != CURLM_OK) {
      throw Error(ErrorKind::kUnavailable, doing + ": " + curl_multi_strerror(code)).with_may_have_happened(true);
    }
  }
  return std::nullopt;
}

}  // namespace

CurlTransport::CurlTransport() : CurlTransport(Options{}) {}
CurlTransport::CurlTransport(Options options) : pool_(std::make_unique<Pool>(std::move(options))) {}
CurlTransport::~CurlTransport() = default;

Response CurlTransport::send(const Request& request) {
  const auto url = parse_url(request.url);
  if (!url) throw Error(ErrorKind::kConfiguration, "sending an HTTP request: the URL is malformed");
  const std::string printable = url->origin() + url->path;
  if (!url->user_info.empty()) {
    throw Error(ErrorKind::kConfiguration,
                "requesting " + in_quotes(printable) + ": the URL holds credentials; they belong in a header");
  }
  if (!is_token(request.method)) {
    throw Error(ErrorKind::kInvalidInput, "requesting " + in_quotes(printable) + ": the method is malformed");
  }
  if (request.stop.stop_requested()) {
    throw Error(ErrorKind::kCancelled, "requesting " + in_quotes(printable) + ": stopped");
  }

  Exchange exchange(request, printable);
  const HeaderList headers = pool_->make_headers(request, exchange);
  std::array<char, CURL_ERROR_SIZE> detail{};
  auto entry = pool_->acquire(url->origin());
  CURL* easy = entry->easy.get();
  pool_->apply_defaults(easy);
  pool_->apply_proxy(easy, request, *url);
  pool_->apply_request(easy, request, exchange);
  set(easy, CURLOPT_HTTPHEADER, headers.get());
  set(easy, CURLOPT_ERRORBUFFER, detail.data());

  // An exception on the way drops the handle with its connections.
  const auto code = perform(entry->multi.get(), easy, request.stop, exchange.doing());
  long sent = 0;
  long connect_status = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
  // Bytes to a proxy that refused the tunnel did not reach the server.
  const bool tunnel_refused = connect_status != 0 && (connect_status < 200 || connect_status > 299);
  const CurlFault fault = code ? classify_curl_code(*code) : CurlFault{ErrorKind::kCancelled, false};
  const bool only_tunnel = connect_status != 0 && fault.before_request;
  const bool reached = sent > 0 && !tunnel_refused && !only_tunnel;
  curl_easy_reset(easy);  // the handle keeps no pointer into this call
  if (code == CURLE_OK) {
    pool_->release(std::move(entry));
    return std::move(exchange.response());
  }

  // A connection that failed is not reused by libcurl; its handle is.
  pool_->release(std::move(entry));
  if (exchange.failure()) std::rethrow_exception(exchange.failure());
  if (!code) throw Error(ErrorKind::kCancelled, exchange.doing() + ": stopped").with_may_have_happened(reached);
  if (exchange.refused_to_repeat()) {
    throw Error(ErrorKind::kUnavailable, exchange.doing() + ": the server closed the connection before it answered")
        .with_may_have_happened(true);
  }
  if (tunnel_refused) {
    throw Error(connect_status == 407 ? ErrorKind::kConfiguration : ErrorKind::kUnavailable,
                exchange.doing() + ": the proxy refused the tunnel with HTTP " + std::to_string(connect_status));
  }
  std::string message = exchange.doing() + ": " + cause(*code, detail.data());
  if (*code == CURLE_PEER_FAILED_VERIFICATION) {
    message += "; name the CA that signed the certificate in AWS_CA_BUNDLE or the CA setting";
  }
  throw Error(fault.kind, message).with_may_have_happened(reached);
}

}  // namespace penstock::http
