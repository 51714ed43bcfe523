// An HTTP/1.1 server on a loopback port that does what a test tells it to, including what no real server should:
// drop connections, answer garbage, answer late. Plain sockets, one thread a connection.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::testing {

struct ReceivedRequest {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  int connection = 0;                                 // 1 = the first that was accepted
  int index = 0;                                      // of the request, over all connections, from 0
  std::string header(const std::string& name) const;  // lower-case name; empty when absent
};

struct ScriptedReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<std::string> raw = {};  // these bytes instead of an answer
  std::chrono::milliseconds delay{0};   // before the answer; cut short when the server ends
  bool drop = false;                    // close without an answer
  bool close_after = false;             // close after the answer without announcing it
};

class LoopbackServer {
 public:
  using Handler = std::function<ScriptedReply(const ReceivedRequest&)>;
  struct Options {
    bool tls = false;                  // with a self-signed certificate for localhost made at start
    bool drop_on_accept = false;       // every connection is closed before anything is read
    bool drop_before_reading = false;  // the request is left unread and the connection reset
  };
  // The handler is called on the connection's thread, several at once.
  explicit LoopbackServer(Handler handler) : LoopbackServer(std::move(handler), Options{}) {}
  LoopbackServer(Handler handler, Options options);
  // Answers the n-th request with the n-th reply, and all after the last with the last.
  explicit LoopbackServer(std::vector<ScriptedReply> replies);
  ~LoopbackServer();

  int port() const;
  std::string url() const;              // "http://127.0.0.1:PORT", or https://localhost:PORT
  std::string certificate_pem() const;  // with tls
  std::vector<ReceivedRequest> requests() const;
  int connections() const;
  int closed_connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::testing
