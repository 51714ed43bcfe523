// The sandbox over its socket, spoken to with bytes.
#include "tests/sandbox/sandbox.h"

#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::sandbox {
namespace {

using json::Json;

class OverTheWire : public ::testing::Test {
 protected:
  // Everything until the end of the connection; "(reset)" when it was reset.
  std::string talk(const std::string& bytes) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{20, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(sandbox_.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "(refused)";
    if (::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return "(not sent)";
    std::string answer;
    std::array<char, 4096> buffer;
    for (;;) {
      const auto count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (count == 0) return answer;
      if (count < 0) return errno == ECONNRESET ? answer + "(reset)" : answer + "(late)";
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  std::string request(const std::string& head, const std::string& body = "") {
    return talk(head + "\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
  }
  Json admin(const std::string& what, const Json& body = Json()) {
    const auto answer = body.is_null() ? request("GET /_sandbox/" + what + " HTTP/1.1")
                                       : request("POST /_sandbox/" + what + " HTTP/1.1", body.dump());
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  }
  // The one call that nobody signs.
  std::string assume_role() {
    return request(
        "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded",
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr"
        "&RoleSessionName=s1&WebIdentityToken=token");
  }
  std::int64_t outcome(const std::string& what) {
    return admin("state")
        .at("outcomes")
        .value("AssumeRoleWithWebIdentity", Json::object())
        .value(what, std::int64_t{0});
  }

  Sandbox sandbox_{SandboxOptions{}};
};

TEST_F(OverTheWire, DropsBeforeOrAfterTheWork) {
  admin("faults", {{"drop", 1.0}});
  EXPECT_EQ(assume_role(), "(reset)");
  EXPECT_EQ(assume_role(), "");
  EXPECT_EQ(outcome("dropped"), 2);
  EXPECT_EQ(outcome("ok"), 0);
  admin("faults", {{"dropAfter", 1.0}});
  const auto answer = assume_role();
  EXPECT_TRUE(answer.empty() || answer == "(reset)") << answer;
  EXPECT_EQ(outcome("ok"), 1);
  admin("reset-faults", Json::object());
  EXPECT_TRUE(assume_role().starts_with("HTTP/1.1 200 "));
}

TEST_F(OverTheWire, ThrottlesFailsAndCutsShort) {
  admin("faults", {{"throttle", 1.0}, {"times", 1}});
  EXPECT_NE(assume_role().find("<Code>Throttling</Code>"), std::string::npos);
  EXPECT_TRUE(assume_role().starts_with("HTTP/1.1 200 "));
  admin("faults", {{"serverError", 1.0}});
  const auto first = assume_role(), second = assume_role();
  EXPECT_NE(first.substr(0, 12), second.substr(0, 12));  // 500 and 503 in turn
  admin("faults", {{"cutShort", 1.0}});
  const auto cut = assume_role();
  EXPECT_TRUE(cut.starts_with("HTTP/1.1 200 ") && cut.find("</AssumeRole") == std::string::npos) << cut;
  admin("faults", {{"throttle", 1.0}, {"operations", {"PollForJobs"}}});
  EXPECT_TRUE(assume_role().starts_with("HTTP/1.1 200 "));
}

TEST_F(OverTheWire, RefusesFaultsThatItDoesNotKnow) {
  for (const auto* body : {R"({"trottle":1})", R"({"throttle":0.7,"drop":0.7})", R"({"drop":"often"})", "[]", "{"}) {
    EXPECT_TRUE(request("POST /_sandbox/faults HTTP/1.1", body).starts_with("HTTP/1.1 400 ")) << body;
  }
}

TEST_F(OverTheWire, AnswersTheUnsignedInTheWordsOfTheService) {
  const auto pipeline = request(
      "POST / HTTP/1.1\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: "
      "CodePipeline_20150709.ListPipelines",
      "{}");
  EXPECT_NE(pipeline.find("\"__type\":\"MissingAuthenticationTokenException\""), std::string::npos) << pipeline;
  const auto object = request("GET /bucket/key HTTP/1.1");
  EXPECT_TRUE(object.starts_with("HTTP/1.1 403 ")) << object;
  EXPECT_NE(object.find("<Code>AccessDenied</Code>"), std::string::npos) << object;
  const auto head = request("HEAD /bucket/key HTTP/1.1");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 403 ") && head.ends_with("\r\n\r\n")) << head;
}

TEST_F(OverTheWire, AsksForABodyOnlyWhenItWantsIt) {
  const auto answer =
      talk("PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ")) << answer;
}

TEST_F(OverTheWire, SurvivesBrokenRequests) {
  for (const std::string& bytes :
       {std::string("GET\r\n\r\n"), std::string("GET / HTTP/9\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        std::string("PUT /b/k HTTP/1.1\r\nContent-Length: many\r\n\r\n"),
        "GET / HTTP/1.1\r\nX: " + std::string(70000, 'x'), std::string("\x16\x03\x01\x02\r\n\r\n")}) {
    const auto answer = talk(bytes);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 4")) << answer;
  }
  EXPECT_TRUE(request("GET /%zz?%zz HTTP/1.1").starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(talk("POST /_sandbox/settings HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "11\r\n{\"reofferSeconds\"\r\n4\r\n: 7}\r\n0\r\n\r\n")
                  .starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(admin("settings").at("reofferSeconds"), 7.0);
}

TEST_F(OverTheWire, TakesASeedTwice) {
  const auto seed = Json::parse(R"({
    "settings": {"continuationDelaySeconds": 0.5}, "region": "eu-central-1",
    "keys": [{"accessKeyId": "AKIDTEST", "secretAccessKey": "s", "denied": ["s3:PutObject"]}],
    "buckets": ["artifacts", {"name": "abroad", "region": "eu-west-1"}],
    "secrets": [{"name": "pat", "value": "x"}, {"name": "json", "value": {"key": "y"}}],
    "actionTypes": [{"category": "Source", "provider": "Git", "version": "1",
      "configurationProperties": [{"name": "Branch", "required": true, "key": true, "secret": false}],
      "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 0},
      "outputArtifactDetails": {"minimumCount": 1, "maximumCount": 1}}],
    "pipelines": [{"name": "shop", "roleArn": "arn:aws:iam::111122223333:role/pipeline",
      "artifactStore": {"type": "S3", "location": "artifacts"},
      "stages": [
        {"name": "Source", "actions": [{"name": "Fetch", "configuration": {"Branch": "main"},
          "actionTypeId": {"category": "Source", "owner": "Custom", "provider": "Git", "version": "1"},
          "outputArtifacts": [{"name": "Code"}]}]},
        {"name": "Ship", "actions": [{"name": "Copy", "inputArtifacts": [{"name": "Code"}],
          "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"}}]}]}]
  })");
  admin("seed", seed);
  admin("seed", seed);
  const auto state = admin("state");
  EXPECT_EQ(state.at("pipelines").at("shop").at("arn"), "arn:aws:codepipeline:eu-central-1:111122223333:shop");
  EXPECT_EQ(state.at("s3").at("buckets").at("abroad").at("region"), "eu-west-1");
  EXPECT_TRUE(state.at("executions").at("shop").empty()) << "a seeded pipeline waits to be started";
  EXPECT_TRUE(request("POST /_sandbox/seed HTTP/1.1", R"({"bukets": []})").starts_with("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace penstock::sandbox
