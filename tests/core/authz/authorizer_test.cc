#include "core/authz/authorizer.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/regex.h"
#include "core/http/curl_transport.h"
#include "tests/core/authz/signer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback_server.h"

namespace penstock::authz {
namespace {

using Status = Decision::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::make_token;
using testing::signer_of;

constexpr std::int64_t kNow = 1'795'253'400;  // where FakeClock begins

std::string claims(const std::string& more = "") {
  return R"({"iss":"https://id.example","aud":"penstock","sub":"ann","exp":)" + std::to_string(kNow + 600) + more + "}";
}

// The article's example: the scope "email" gives GET on my-resource.
class AuthorizerTest : public ::testing::Test {
 protected:
  AuthorizerTest() {
    jwt_.provider.issuer = "https://id.example";
    jwt_.provider.audiences = {"penstock"};
    jwt_.provider.permissions = {{.scope = "email", .http_verb = "GET", .resource = "my-resource"}};
    jwt_.provider.route_scopes = Policy::RouteScopes::kIgnore;
    serve(signer_of(KeyType::kRsa).jwk("k"));
    jwt_.provider.keys = {.kind = KeySource::Kind::kFile, .location = directory_.path() / "keys.json"};
  }

  void serve(const std::string& jwks) { write_file_atomically(directory_.path() / "keys.json", testing::set_of(jwks)); }
  void make(Settings settings) {
    authorizer_ = Authorizer::make(std::move(settings), {.transport = transport_, .clock = clock_, .log = log_},
                                   authorizer_.get());
  }
  void make() {
    Settings settings;
    settings.jwt = {jwt_};
    make(std::move(settings));
  }
  Decision decide(std::optional<std::string> header, const std::string& verb = "GET",
                  const std::string& path = "/my-resource", std::string_view route_scope = "history.read") {
    Attempt attempt;
    attempt.authorization = std::move(header);
    attempt.operation = {verb, path, route_scope};
    return authorizer_->decide(attempt);
  }
  Decision decide_token(const std::string& token) { return decide("Bearer " + token); }

  TemporaryDirectory directory_;
  penstock::testing::FakeClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  std::shared_ptr<http::HttpTransport> transport_ = std::make_shared<http::CurlTransport>();
  Settings::Jwt jwt_;
  std::shared_ptr<const Authorizer> authorizer_;
};

TEST_F(AuthorizerTest, FollowsTheWorkedExample) {
  make();
  const auto& rsa = signer_of(KeyType::kRsa);
  const auto token = [&](const std::string& payload) { return make_token(rsa, Algorithm::kRs256, payload); };
  const Decision allowed = decide_token(token(claims(R"(,"scp":["openid","email"])")));
  EXPECT_EQ(allowed.status, Status::kAllowed) << allowed.reason;
  EXPECT_EQ(allowed.principal, "ann");
  EXPECT_EQ(allowed.method, Decision::Method::kJwt);

  const Decision scope = decide_token(token(claims(R"(,"scp":["openid"])")));
  EXPECT_EQ(scope.status, Status::kForbidden);
  EXPECT_EQ(scope.missing_scopes, std::vector<std::string>{"email"});
  EXPECT_EQ(decide("Bearer " + token(claims(R"(,"scp":"email")")), "POST").status, Status::kForbidden);

  EXPECT_EQ(
      decide_token(token(R"({"iss":"https://id.example","aud":"penstock","scp":"email","exp":1300819380})")).reason,
      "expired");
  EXPECT_EQ(decide_token(token(R"({"iss":"https://id.example","aud":"other","scp":"email","exp":1895253400})")).reason,
            "another audience");
  EXPECT_EQ(
      decide_token(token(R"({"iss":"https://evil.example","aud":"penstock","scp":"email","exp":1895253400})")).status,
      Status::kUnauthenticated);
  EXPECT_EQ(decide("Bearer ThisIsNotAJWT").reason, "no token");
  EXPECT_EQ(decide(std::nullopt).reason, "no credential");
}

TEST(DefaultTokenForm, IsThatOfItsPattern) {
  const Regex pattern{kDefaultTokenPattern};
  for (const std::string& header : std::vector<std::string>{"Bearer a.b.c",
                                                            "bearer a-_9.Z.c",
                                                            "BEARER a.b.c",
                                                            "Bearer  a.b.c",
                                                            "Bearera.b.c",
                                                            "Bearer a.b",
                                                            "Bearer a.b.",
                                                            "Bearer a..c",
                                                            "Bearer .b.c",
                                                            "Bearer a.b.c.d",
                                                            "Bearer a.b.c ",
                                                            "Bearer a.b.c\n",
                                                            "Bearer a.b.c=",
                                                            "Bearer a+.b.c",
                                                            "Bearer ",
                                                            "Bearer",
                                                            "",
                                                            "a.b.c",
                                                            std::string("Bearer a.b.c\0", 13),
                                                            "Bearer \xff.b.c"}) {
    EXPECT_EQ(has_default_token_form(header), pattern.matches_whole(header)) << header;
  }
  EXPECT_TRUE(has_default_token_form("Bearer a.b.c"));
}

TEST_F(AuthorizerTest, ComputesNothingForWhatHasNoTokensForm) {
  // Without a key file, anything that went further than the pattern would be told to come again.
  jwt_.provider.keys.location = "/nonexistent";
  jwt_.provider.keys.timeout = milliseconds(1);
  make();
  const std::string token = make_token(signer_of(KeyType::kRsa), Algorithm::kRs256, claims());
  EXPECT_EQ(decide_token(token).status, Status::kComeAgain);
  for (const std::string& header :
       std::vector<std::string>{"Basic " + token, token, "Bearer  " + token, "Bearer " + token + " ",
                                "Bearer " + token + "=", "Bearer a.b", "Bearer a.b.c.d", "Bearer .b.c",
                                "bEARER " + token, "Bearer " + token + ", Bearer " + token, std::string()}) {
    EXPECT_EQ(decide(header).status, Status::kUnauthenticated) << header;
  }
}

TEST_F(AuthorizerTest, RefusesForgedTokens) {
  const auto& rsa = signer_of(KeyType::kRsa);
  const auto& ec = signer_of(KeyType::kP256);
  serve(rsa.jwk("k") + "," + ec.jwk("e") + "," + rsa.jwk("pinned", R"(,"alg":"RS256")"));
  make();
  const std::string payload = claims(R"(,"scp":"email")");
  const testing::Signer stranger(KeyType::kP256);
  ASSERT_EQ(decide_token(make_token(ec, Algorithm::kEs256, payload, "e")).status, Status::kAllowed);
  ASSERT_EQ(decide_token(make_token(rsa, Algorithm::kPs256, payload, "k")).status, Status::kAllowed);

  const auto hmac_token = [&](const std::string& secret) {
    const std::string input = testing::encode(R"({"alg":"HS256","kid":"k"})", payload);
    return input + "." + to_base64url(hmac(HashAlgorithm::kSha256, secret, input));
  };
  const auto with_header = [&](const std::string& header) {
    return testing::make_token_with_header(stranger, Algorithm::kEs256, header, payload);
  };
  std::string good = make_token(ec, Algorithm::kEs256, payload, "e");
  const std::string signature = good.substr(good.rfind('.') + 1);
  const std::pair<const char*, std::string> forged[] = {
      {"none", testing::encode(R"({"alg":"none"})", payload) + ".AA"},
      {"HMAC with the public PEM", hmac_token(rsa.public_pem())},
      {"HMAC with the JWK", hmac_token(rsa.jwk("k"))},
      {"a stranger's key under a known id", make_token(stranger, Algorithm::kEs256, payload, "e")},
      {"a stranger's key under no id", with_header(R"({"alg":"ES256"})")},
      {"its own key along", with_header(R"({"alg":"ES256","jwk":)" + stranger.jwk("e") + "}")},
      {"keys from elsewhere", with_header(R"({"alg":"ES256","kid":"e","jku":"https://evil.example/keys"})")},
      {"an RSA key for ES256", make_token(rsa, Algorithm::kRs256, payload, "e")},
      {"another algorithm of a pinned key", make_token(rsa, Algorithm::kPs256, payload, "pinned")},
      {"another payload",
       testing::encode(R"({"alg":"ES256","kid":"e"})", claims(R"(,"scp":"email admin")")) + "." + signature},
      {"another header", testing::encode(R"({"alg":"ES256","kid":"e","x":1})", payload) + "." + signature},
      {"the kid of a path", make_token(stranger, Algorithm::kEs256, payload, "../../../../dev/null")},
      {"a signature of zeros", good.substr(0, good.rfind('.') + 1) + to_base64url(std::string(64, '\0'))},
      {"the signature in DER", good.substr(0, good.rfind('.') + 1) +
                                   to_base64url(ec.sign_raw(Algorithm::kEs256, good.substr(0, good.rfind('.'))))},
  };
  for (const auto& [name, token] : forged) {
    const Decision decision = decide_token(token);
    EXPECT_EQ(decision.status, Status::kUnauthenticated) << name;
    EXPECT_EQ(decision.principal, "") << name;
    EXPECT_EQ(decision.reason.find(token.substr(0, 20)), std::string::npos);
  }
}

TEST_F(AuthorizerTest, AllowsOnlyTheAlgorithmsThatAreListed) {
  jwt_.provider.algorithms = {Algorithm::kPs512};
  make();
  const auto& rsa = signer_of(KeyType::kRsa);
  const std::string payload = claims(R"(,"scp":"email")");
  EXPECT_EQ(decide_token(make_token(rsa, Algorithm::kRs256, payload)).reason, "its algorithm is not allowed");
  EXPECT_EQ(decide_token(make_token(rsa, Algorithm::kPs512, payload)).status, Status::kAllowed);
}

TEST_F(AuthorizerTest, AnswersFromTheCacheUntilTheTokenEnds) {
  make();
  const auto& rsa = signer_of(KeyType::kRsa);
  const std::string token = make_token(
      rsa, Algorithm::kRs256,
      R"({"iss":"https://id.example","aud":"penstock","scp":"email","exp":)" + std::to_string(kNow + 60) + "}");
  ASSERT_EQ(decide_token(token).status, Status::kAllowed);
  const auto cached = [&] {
    // With the keys gone only the cache can say yes.
    clock_.advance(seconds(30));
    return decide_token(token).status;
  };
  serve(signer_of(KeyType::kP256).jwk("other"));
  EXPECT_EQ(cached(), Status::kAllowed);
  EXPECT_EQ(cached(), Status::kUnauthenticated);
}

TEST_F(AuthorizerTest, VerifiesAgainAfterTheTimeToLive) {
  jwt_.provider.cache_ttl = seconds(20);
  jwt_.provider.keys_refresh = seconds(30);
  make();
  const std::string token = make_token(signer_of(KeyType::kRsa), Algorithm::kRs256, claims(R"(,"scp":"email")"));
  ASSERT_EQ(decide_token(token).status, Status::kAllowed);
  serve(signer_of(KeyType::kP256).jwk("other"));  // the key is withdrawn
  clock_.advance(seconds(19));
  EXPECT_EQ(decide_token(token).status, Status::kAllowed);
  clock_.advance(seconds(12));
  // The known key is still good for the first request after the refresh was due, which asks for it.
  decide_token(make_token(signer_of(KeyType::kP256), Algorithm::kEs256, claims(), "other"));
  EXPECT_EQ(decide_token(token).status, Status::kUnauthenticated);
}

TEST_F(AuthorizerTest, RevokesAtOnceAndKeepsTheRestOfTheCache) {
  make();
  const auto& rsa = signer_of(KeyType::kRsa);
  const std::string one = make_token(rsa, Algorithm::kRs256, claims(R"(,"scp":"email","jti":"1")"));
  const std::string two = make_token(rsa, Algorithm::kRs256, claims(R"(,"scp":"email","jti":"2")"));
  ASSERT_EQ(decide_token(one).status, Status::kAllowed);
  ASSERT_EQ(decide_token(two).status, Status::kAllowed);
  serve("{}");  // whatever is allowed from here on comes out of the cache
  jwt_.revoked.token_ids = {"1"};
  make();
  EXPECT_EQ(decide_token(one).reason, "revoked");
  EXPECT_EQ(decide_token(one).status, Status::kUnauthenticated);
  EXPECT_EQ(decide_token(two).status, Status::kAllowed);
  jwt_.revoked = {.token_ids = {}, .subjects = {"ann"}};
  make();
  EXPECT_EQ(decide_token(two).reason, "revoked");
  jwt_.revoked = {};
  make();
  EXPECT_EQ(decide_token(two).status, Status::kAllowed);
}

TEST_F(AuthorizerTest, ForgetsPoliciesWhenTheDocumentChangesAndKeepsTheKeys) {
  make();
  const std::string token = make_token(signer_of(KeyType::kRsa), Algorithm::kRs256, claims(R"(,"scp":"email")"));
  ASSERT_EQ(decide_token(token).status, Status::kAllowed);
  serve("{}");
  jwt_.provider.permissions.push_back({.scope = "email", .http_verb = "*", .resource = "*", .effect = Effect::kDeny});
  make();
  const Decision decision = decide_token(token);
  EXPECT_EQ(decision.status, Status::kForbidden);
  EXPECT_TRUE(decision.missing_scopes.empty());
}

TEST_F(AuthorizerTest, ReadsFilesOfKeysAgainWhenTheConfigurationIs) {
  jwt_.provider.cache_ttl = milliseconds(0);
  make();
  const auto& ec = signer_of(KeyType::kP256);
  const std::string before = make_token(signer_of(KeyType::kRsa), Algorithm::kRs256, claims(R"(,"scp":"email")"));
  const std::string after = make_token(ec, Algorithm::kEs256, claims(R"(,"scp":"email")"), "other");
  ASSERT_EQ(decide_token(before).status, Status::kAllowed);
  serve(ec.jwk("other"));
  ASSERT_EQ(decide_token(after).status, Status::kUnauthenticated);  // asked for less than ten seconds ago
  make();
  EXPECT_EQ(decide_token(after).status, Status::kAllowed);
  EXPECT_EQ(decide_token(before).status, Status::kUnauthenticated);
}

TEST_F(AuthorizerTest, ReadsKeysFromAUrlAndThroughDiscovery) {
  std::string base;
  const std::string set = testing::set_of(signer_of(KeyType::kEd25519).jwk("k"));
  penstock::testing::LoopbackServer server([&](const penstock::testing::ReceivedRequest& request) {
    if (request.target == "/keys") return penstock::testing::ScriptedReply{.body = set};
    if (request.target == "/tenant/.well-known/openid-configuration") {
      return penstock::testing::ScriptedReply{.body = R"({"issuer":")" + base + R"(/tenant","jwks_uri":")" + base +
                                                      R"(/keys"})"};
    }
    if (request.target == "/moved")
      return penstock::testing::ScriptedReply{.status = 302, .headers = {{"Location", "/keys"}}};
    if (request.target == "/huge") return penstock::testing::ScriptedReply{.body = set + std::string(600 << 10, ' ')};
    return penstock::testing::ScriptedReply{.status = 404};
  });
  base = server.url();
  const auto load = [&](KeySource::Kind kind, const std::string& location) {
    return make_key_loader({.kind = kind, .location = location}, transport_)(std::stop_token()).size();
  };
  EXPECT_EQ(load(KeySource::Kind::kUrl, base + "/keys"), 1u);
  EXPECT_EQ(load(KeySource::Kind::kDiscovery, base + "/tenant"), 1u);
  for (const char* path : {"/moved", "/huge", "/nothing"}) {
    EXPECT_THROW(load(KeySource::Kind::kUrl, base + path), Error) << path;
  }
  EXPECT_THROW(load(KeySource::Kind::kDiscovery, base + "/tenant/"), Error);   // another issuer
  EXPECT_THROW(load(KeySource::Kind::kUrl, "http://id.example/keys"), Error);  // not over https
  EXPECT_THROW(load(KeySource::Kind::kUrl, "https://user:secret@127.0.0.1/keys"), Error);

  jwt_.provider.keys = {.kind = KeySource::Kind::kDiscovery, .location = base + "/tenant"};
  jwt_.provider.issuer = base + "/tenant";
  make();
  const std::string payload =
      R"({"iss":")" + jwt_.provider.issuer + R"(","aud":["x","penstock"],"scope":"email","exp":1895253400})";
  EXPECT_EQ(decide_token(make_token(signer_of(KeyType::kEd25519), Algorithm::kEdDsa, payload)).status,
            Status::kAllowed);
}

TEST_F(AuthorizerTest, KeepsProvidersApart) {
  Settings::Jwt other = jwt_;
  other.provider.issuer = "https://other.example";
  other.provider.keys.location = directory_.path() / "other.pem";
  other.provider.permissions = {{.scope = "email", .http_verb = "GET", .resource = "/other"}};
  write_file_atomically(directory_.path() / "other.pem", signer_of(KeyType::kP256).public_pem());
  Settings settings;
  settings.jwt = {jwt_, other};
  make(settings);
  const auto payload = [](const std::string& issuer) {
    return R"({"iss":")" + issuer + R"(","aud":"penstock","scp":"email","sub":"s","exp":1895253400})";
  };
  const auto& rsa = signer_of(KeyType::kRsa);
  const auto& ec = signer_of(KeyType::kP256);
  EXPECT_EQ(decide_token(make_token(rsa, Algorithm::kRs256, payload("https://id.example"))).status, Status::kAllowed);
  EXPECT_EQ(
      decide("Bearer " + make_token(ec, Algorithm::kEs256, payload("https://other.example")), "GET", "/other").status,
      Status::kAllowed);
  // Each signs for itself only.
  EXPECT_EQ(decide_token(make_token(ec, Algorithm::kEs256, payload("https://id.example"))).status,
            Status::kUnauthenticated);
  EXPECT_EQ(
      decide("Bearer " + make_token(rsa, Algorithm::kRs256, payload("https://other.example")), "GET", "/other").status,
      Status::kUnauthenticated);
}

TEST_F(AuthorizerTest, KnowsStaticTokensByTheirDigest) {
  Settings settings;
  settings.jwt = {jwt_};
  const std::string looks_like_a_jwt = "aaaa.bbbb.cccc";
  settings.tokens = {{"ops", digest_of_token(Secret("opaque"), "ops"), {"history.read"}},
                     {"other", digest_of_token(Secret(looks_like_a_jwt), "other"), {"custom"}}};
  settings.permissions = {{.scope = "custom", .http_verb = "GET", .resource = "/custom/*"}};
  make(settings);
  EXPECT_EQ(decide("Bearer opaque").status, Status::kAllowed);
  EXPECT_EQ(decide("Bearer opaque").principal, "ops");
  EXPECT_EQ(decide("Bearer opaque", "GET", "/x", "metrics.read").missing_scopes,
            std::vector<std::string>{"metrics.read"});
  EXPECT_EQ(decide("Bearer " + looks_like_a_jwt, "GET", "/custom/x").status, Status::kAllowed);
  EXPECT_EQ(decide("Bearer opaqu").status, Status::kUnauthenticated);
  EXPECT_THROW(digest_of_token(Secret(""), "x"), Error);
}

TEST_F(AuthorizerTest, LetsPeopleInByPasswordAndBoundsGuessing) {
  Settings settings;
  settings.people = {{"ann", PasswordDigest::make("s3cret: with a colon"), {"history.read"}}};
  settings.wrong_passwords = {.burst = 6, .per_second = 1, .max_addresses = 10};
  make(settings);
  const auto basic = [&](const std::string& text) { return "Basic " + to_base64(text); };
  const std::string right = basic("ann:s3cret: with a colon");
  EXPECT_EQ(decide(right).status, Status::kAllowed);
  EXPECT_EQ(decide(right).principal, "ann");
  EXPECT_EQ(decide(right, "POST", "/x", "history.redeliver").status, Status::kForbidden);
  for (const std::string& header : {basic("ann:wrong"), basic("bob:s3cret: with a colon"), basic("ann"), basic(""),
                                    basic("Ann:s3cret: with a colon"), std::string("Basic ###")}) {
    EXPECT_EQ(decide(header).status, Status::kUnauthenticated) << header;
  }
  // A burst of wrong ones, after which no more work is done; whoever was let in stays so.
  bool limited = false;
  for (int i = 0; i < 4 && !limited; ++i) limited = decide(basic("ann:wrong")).status == Status::kTooManyAttempts;
  EXPECT_TRUE(limited);
  EXPECT_EQ(decide(right).status, Status::kAllowed);
  // A reload with another password forgets the old one.
  settings.people[0].password = PasswordDigest::make("new");
  make(settings);
  EXPECT_NE(decide(right).status, Status::kAllowed);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(decide(right).status, Status::kUnauthenticated);
  EXPECT_EQ(decide(basic("ann:new")).status, Status::kAllowed);
}

}  // namespace
}  // namespace penstock::authz
