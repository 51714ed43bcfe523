// What it costs to tell who asks: a token whose policy is cached, against the verification that it saves. Compare
// "cached" with "verify/…"; "not_a_token" is what a stranger's header costs.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "core/authz/authorizer.h"
#include "core/base/files.h"
#include "tests/core/authz/signer.h"

namespace penstock {
namespace {

using authz::Algorithm;
using authz::testing::signer_of;

// About as large as Entra ID makes them.
std::string claims() {
  return R"({"iss":"https://id.example","aud":"penstock","sub":"ann","exp":4102444800,"scp":["openid","email"],"padding":")" +
         std::string(900, 'x') + "\"}";
}

// With two static tokens besides, as a server has them.
class Setup {
 public:
  explicit Setup(Algorithm algorithm, std::chrono::milliseconds cache_ttl) {
    const auto& signer = signer_of(authz::key_type_of(algorithm));
    write_file_atomically(directory_.path() / "keys.json", authz::testing::set_of(signer.jwk("k")));
    authz::Settings settings;
    settings.tokens = {{"one", std::string(32, '1'), {"history.read"}},
                       {"two", std::string(32, '2'), {"history.read"}}};
    authz::Settings::Jwt jwt;
    jwt.provider.issuer = "https://id.example";
    jwt.provider.audiences = {"penstock"};
    jwt.provider.keys = {.kind = authz::KeySource::Kind::kFile, .location = directory_.path() / "keys.json"};
    jwt.provider.cache_ttl = cache_ttl;
    jwt.provider.permissions = {{.scope = "email", .http_verb = "GET", .resource = "/api/v1/*"}};
    settings.jwt = {jwt};
    authorizer_ =
        authz::Authorizer::make(std::move(settings), {.transport = nullptr, .clock = clock_, .log = log_}, nullptr);
    attempt_.authorization = "Bearer " + authz::testing::make_token(signer, algorithm, claims());
    attempt_.operation = {.verb = "GET", .resource = "/api/v1/deliveries", .route_scope = "history.read"};
  }

  void expect(benchmark::State& state, authz::Decision::Status status) {
    if (authorizer_->decide(attempt_).status != status) state.SkipWithError("another decision than expected");
  }
  void run(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(authorizer_->decide(attempt_));
    state.SetLabel(std::to_string(attempt_.authorization->size()) + " bytes of header");
  }
  authz::Attempt& attempt() { return attempt_; }

 private:
  TemporaryDirectory directory_;
  const SystemClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  std::shared_ptr<const authz::Authorizer> authorizer_;
  authz::Attempt attempt_;
};

void cached(benchmark::State& state) {
  static Setup setup(Algorithm::kRs256, std::chrono::hours(1));
  if (state.thread_index() == 0) setup.expect(state, authz::Decision::Status::kAllowed);
  setup.run(state);
}
BENCHMARK(cached);
BENCHMARK(cached)->Threads(2)->UseRealTime();

void verify(benchmark::State& state) {
  const auto algorithm = static_cast<Algorithm>(state.range(0));
  Setup setup(algorithm, std::chrono::milliseconds(0));
  setup.expect(state, authz::Decision::Status::kAllowed);
  setup.run(state);
  state.SetLabel(std::string(to_string(algorithm)));
}
BENCHMARK(verify)
    ->Arg(static_cast<int>(Algorithm::kRs256))
    ->Arg(static_cast<int>(Algorithm::kPs256))
    ->Arg(static_cast<int>(Algorithm::kEs256))
    ->Arg(static_cast<int>(Algorithm::kEs384))
    ->Arg(static_cast<int>(Algorithm::kEdDsa))
    ->Unit(benchmark::kMicrosecond);

void not_a_token(benchmark::State& state) {
  Setup setup(Algorithm::kEdDsa, std::chrono::hours(1));
  setup.attempt().authorization = "Bearer " + std::string(1'500, '=');
  setup.expect(state, authz::Decision::Status::kUnauthenticated);
  setup.run(state);
}
BENCHMARK(not_a_token);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
