#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/config/settings.h"

namespace penstock::config {
namespace {

using std::chrono::milliseconds;

Settings settings_of(std::string_view text) {
  auto result = parse(text, "penstock.yaml");
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.to_string("penstock.yaml");
  return std::move(result.settings);
}

SecretReference reference(std::string_view text) {
  return SecretReference::parse(text).value();
}

constexpr std::string_view kWhole = R"(
dataDirectory: /srv/penstock
server:
  listen: "[::]:9443"
  tls: {certificate: /etc/penstock/tls.crt, privateKey: /etc/penstock/tls.key}
  trustedProxies: [10.0.0.0/8, "2001:db8::1"]
  publicUrl: https://penstock.example.com/
  maxBodyBytes: 2MiB
  drainTimeout: 90s
history: {database: db/history.db, retention: 30d}
git: {allowFileProtocol: true, mirrorQuota: 5GiB, certificateAuthorities: /etc/ca.pem, proxy: "http://proxy:3128"}
aws: {region: eu-central-1, endpointUrl: http://127.0.0.1:4566}
endpoints:
  azure-devops:
    authentication:
      - {type: BASIC, username: azure, password: {secret: "env:HOOK_PASSWORD"}}
      - {type: HEADER, name: X-Penstock-Token, value: {secret: "file:/run/secrets/hook"}}
      - {type: HMAC, header: X-Hub-Signature-256, algorithm: sha512, secret: {secret: "secretsmanager:penstock/hook#hmac"}}
    allowedIpRanges: [20.37.158.0/23]
  open: {authentication: UNAUTHENTICATED}
webhooks:
  - name: shop-main
    endpoint: azure-devops
    targetPipeline: shop
    targetAction: Source
    filters:
      - {jsonPath: "$.resource.refUpdates..name", matchEquals: "refs/heads/{Branch}"}
      - {jsonPath: "$.resource.repository.name", matchGlob: "shop-*"}
      - {jsonPath: $.eventType, matchRegex: "git[.].*"}
      - {jsonPath: $.eventType, notEquals: x}
      - {jsonPath: $.resource, exists: true}
      - {jsonPath: $.resource.none, exists: false}
    actionConfiguration: {Branch: main, Depth: 1}
    ignoreDeletes: false
    variables: {COMMIT: "$.resource.refUpdates[0].newObjectId"}
workers:
  - actionType: {category: Source, owner: Custom, provider: AzureDevOpsRepo, version: 1}
    handler: git-source
    remote: "https://dev.azure.com/{Organization}/{Project}/_git/{Repo}"
    branch: "release/{Branch}"
    credentials: [azure-entra, azure-pat]
    revision: head
    concurrency: 8
    timeout: 45m
    pollInterval: {idle: 30s, busy: 500ms}
    queryParam: {PipelineName: [shop, basket]}
    artifact: {compression: 9, submodules: none, lfs: false, subdirectory: services/shop, gitMetadata: false}
credentials:
  azure-pat: {type: PAT, token: {secret: "secretsmanager:azure/pat"}, expires: 2027-01-31}
  azure-ssh: {type: SSH_KEY, privateKey: {secret: "secretsmanager:azure/ssh"}, knownHosts: "file:/etc/known_hosts"}
  azure-entra: {type: ENTRA, tenantId: t, clientId: c, clientSecret: {secret: "env:ENTRA_SECRET"}, expires: "2027-01-31T12:00:00+01:00"}
  azure-certificate: {type: ENTRA, tenantId: t, clientId: c, certificate: "file:/c.pem", authority: "https://login.microsoftonline.us/"}
  azure-federated: {type: ENTRA, tenantId: contoso.example, clientId: c, federatedTokenFile: /var/run/token}
unclaimedJobTimeout: 0
continuationKey: {secret: "secretsmanager:penstock/continuation"}
acceptedContinuationKey: {secret: "env:FORMER_KEY"}
access:
  tokens: [{name: ops, token: {secret: "env:PENSTOCK_TOKEN"}, scopes: [history.read, history.redeliver]}]
log: {level: debug, format: text}
)";

TEST(Settings, AreReadWhole) {
  const auto s = settings_of(kWhole);
  EXPECT_EQ(s.file, "penstock.yaml");
  EXPECT_EQ(s.history_database(), "/srv/penstock/db/history.db");
  EXPECT_EQ(s.server.listen_host, "::");
  EXPECT_EQ(s.server.listen_port, 9443);
  EXPECT_EQ(s.server.tls->private_key, "/etc/penstock/tls.key");
  EXPECT_EQ(s.server.trusted_proxies, (std::vector<std::string>{"10.0.0.0/8", "2001:db8::1"}));
  EXPECT_EQ(s.server.public_url, "https://penstock.example.com");
  EXPECT_EQ(s.server.max_body_bytes, 2u << 20);
  EXPECT_EQ(s.server.drain_timeout, milliseconds(90'000));
  EXPECT_EQ(s.history.retention, milliseconds(30LL * 86'400'000));
  EXPECT_EQ(s.continuation_key, reference("secretsmanager:penstock/continuation"));
  EXPECT_EQ(s.accepted_continuation_key, reference("env:FORMER_KEY"));
  EXPECT_TRUE(s.git.allow_file_protocol);
  EXPECT_EQ(s.git.mirror_quota, 5ull << 30);
  EXPECT_EQ(s.git.certificate_authorities, "/etc/ca.pem");
  EXPECT_EQ(s.git.proxy, "http://proxy:3128");
  EXPECT_EQ(s.aws.region, "eu-central-1");
  EXPECT_EQ(s.aws.endpoint_url, "http://127.0.0.1:4566");

  ASSERT_EQ(s.endpoints.size(), 2u);
  const auto& methods = s.endpoints[0].authentication;
  ASSERT_EQ(methods.size(), 3u);
  EXPECT_EQ(methods[0].type, AuthenticationMethod::Type::kBasic);
  EXPECT_EQ(methods[0].username, "azure");
  EXPECT_EQ(methods[0].secret, reference("env:HOOK_PASSWORD"));
  EXPECT_EQ(methods[1].type, AuthenticationMethod::Type::kHeader);
  EXPECT_EQ(methods[1].name, "X-Penstock-Token");
  EXPECT_EQ(methods[2].type, AuthenticationMethod::Type::kHmac);
  EXPECT_EQ(methods[2].algorithm, "sha512");
  EXPECT_EQ(methods[2].secret, reference("secretsmanager:penstock/hook#hmac"));
  EXPECT_FALSE(s.endpoints[0].unauthenticated);
  EXPECT_TRUE(s.endpoints[1].unauthenticated);

  ASSERT_EQ(s.webhooks.size(), 1u);
  const auto& webhook = s.webhooks[0];
  ASSERT_EQ(webhook.filters.size(), 6u);
  EXPECT_EQ(webhook.filters[0].match_equals, "refs/heads/{Branch}");
  EXPECT_EQ(webhook.filters[1].match_glob, "shop-*");
  EXPECT_EQ(webhook.filters[2].match_regex, "git[.].*");
  EXPECT_EQ(webhook.filters[3].not_equals, "x");
  EXPECT_EQ(webhook.filters[4].exists, true);
  EXPECT_EQ(webhook.filters[5].exists, false);
  EXPECT_EQ(webhook.action_configuration, (std::map<std::string, std::string>{{"Branch", "main"}, {"Depth", "1"}}));
  EXPECT_FALSE(webhook.ignore_deletes);
  EXPECT_EQ(webhook.variables.at("COMMIT"), "$.resource.refUpdates[0].newObjectId");
  EXPECT_FALSE(webhook.authentication);

  ASSERT_EQ(s.workers.size(), 1u);
  const auto& worker = s.workers[0];
  EXPECT_EQ(worker.action_type.version, "1");
  EXPECT_EQ(worker.branch, "release/{Branch}");
  EXPECT_EQ(worker.revision, Worker::Revision::kHead);
  EXPECT_EQ(worker.concurrency, 8);
  EXPECT_EQ(worker.timeout, milliseconds(45 * 60'000));
  EXPECT_EQ(worker.poll_idle, milliseconds(30'000));
  EXPECT_EQ(worker.poll_busy, milliseconds(500));
  EXPECT_EQ(worker.query_param.at("PipelineName"), (std::vector<std::string>{"shop", "basket"}));
  EXPECT_EQ(worker.artifact.compression, 9);
  EXPECT_EQ(worker.artifact.subdirectory, "services/shop");

  EXPECT_EQ(worker.credentials, (std::vector<std::string>{"azure-entra", "azure-pat"}));

  ASSERT_EQ(s.credentials.size(), 5u);
  EXPECT_EQ(s.credentials[0].expires, parse_rfc3339("2027-01-31T00:00:00Z"));
  EXPECT_EQ(s.credentials[1].expires, std::nullopt);
  EXPECT_EQ(s.credentials[2].expires, parse_rfc3339("2027-01-31T11:00:00Z"));
  const auto& entra = std::get<EntraCredential>(s.credentials[2].value);
  EXPECT_EQ(entra.authority, "https://login.microsoftonline.com");
  EXPECT_EQ(std::get<EntraClientSecret>(entra.proof).secret, reference("env:ENTRA_SECRET"));
  const auto& certified = std::get<EntraCredential>(s.credentials[3].value);
  EXPECT_EQ(certified.authority, "https://login.microsoftonline.us");
  EXPECT_EQ(std::get<EntraCertificate>(certified.proof).pem, reference("file:/c.pem"));
  EXPECT_EQ(std::get<EntraFederatedToken>(std::get<EntraCredential>(s.credentials[4].value).proof).file,
            "/var/run/token");
  EXPECT_EQ(std::get<PatCredential>(s.credentials[0].value).token, reference("secretsmanager:azure/pat"));
  EXPECT_EQ(std::get<SshKeyCredential>(s.credentials[1].value).known_hosts, "file:/etc/known_hosts");
  EXPECT_EQ(std::get<EntraCredential>(s.credentials[2].value).tenant_id, "t");
  EXPECT_EQ(s.unclaimed_job_timeout, milliseconds(0));
  ASSERT_EQ(s.access.tokens.size(), 1u);
  EXPECT_EQ(s.access.tokens[0].scopes, (std::vector<std::string>{"history.read", "history.redeliver"}));
  EXPECT_EQ(s.log.level, "debug");
  EXPECT_EQ(s.log.format, "text");
}

TEST(Settings, HaveDefaults) {
  const auto s = settings_of("endpoints: {}\n");
  EXPECT_EQ(s.server.listen_host, "127.0.0.1");
  EXPECT_EQ(s.server.listen_port, 8443);
  EXPECT_FALSE(s.server.tls);
  EXPECT_EQ(s.history_database(), "/var/lib/penstock/history.db");
  EXPECT_EQ(s.unclaimed_job_timeout, milliseconds(300'000));
  EXPECT_EQ(s.log.format, "json");
  EXPECT_EQ(settings_of("workers: [{actionType: {category: Source, provider: x, version: 1}, remote: 'https://h/x'}]")
                .workers[0]
                .branch,
            "{Branch}");
}

TEST(Settings, TakeAnAbsoluteDatabaseAsItIs) {
  EXPECT_EQ(settings_of("dataDirectory: /a\nhistory: {database: /b/h.db}").history_database(), "/b/h.db");
}

TEST(Settings, AcceptWhatIsPastedFromTheAwsCli) {
  const auto s = settings_of(R"({
	"endpoints": {"azure-devops": {"authentication": "UNAUTHENTICATED"}},
	"webhooks": [
		{"webhook": {
			"name": "shop-main", "targetPipeline": "shop", "targetAction": "Source", "targetPipelineVersion": 1,
			"filters": [{"jsonPath": "$.resource.refUpdates..name", "matchEquals": "refs/heads/{Branch}"}],
			"authentication": "IP", "authenticationConfiguration": {"AllowedIPRange": "20.37.158.0/23"}
		}, "tags": [{"key": "team", "value": "shop"}]},
		{"webhook": {
			"name": "shop-hmac", "targetPipeline": "shop", "targetAction": "Source",
			"filters": [{"jsonPath": "$.eventType"}], "registerWithThirdParty": true,
			"authentication": "GITHUB_HMAC", "authenticationConfiguration": {"SecretToken": "env:HMAC"}
		}},
		{"name": "open", "targetPipeline": "shop", "targetAction": "Source", "filters": [],
		 "authentication": "UNAUTHENTICATED", "authenticationConfiguration": {}}
	]
})");
  ASSERT_EQ(s.webhooks.size(), 3u);
  EXPECT_EQ(s.webhooks[0].endpoint, "azure-devops");
  EXPECT_TRUE(s.webhooks[0].unauthenticated);
  EXPECT_EQ(s.webhooks[0].allowed_ip_ranges, std::vector<std::string>{"20.37.158.0/23"});
  ASSERT_EQ(s.webhooks[1].authentication->size(), 1u);
  const auto& method = s.webhooks[1].authentication->front();
  EXPECT_EQ(method.type, AuthenticationMethod::Type::kHmac);
  EXPECT_EQ(method.name, "X-Hub-Signature");
  EXPECT_EQ(method.algorithm, "sha1");
  EXPECT_EQ(method.secret, reference("env:HMAC"));
  EXPECT_FALSE(s.webhooks[1].unauthenticated);
  EXPECT_TRUE(s.webhooks[2].unauthenticated);
}

TEST(Settings, AcceptAWebhooksOwnAuthentication) {
  const auto s = settings_of(R"(
endpoints: {e: {authentication: UNAUTHENTICATED}}
webhooks:
  - name: w
    targetPipeline: p
    targetAction: a
    filters: []
    authentication: [{type: HEADER, name: X-Own, value: {secret: "env:OWN"}}]
    allowedIpRanges: [10.0.0.0/8]
)");
  ASSERT_TRUE(s.webhooks[0].authentication);
  EXPECT_EQ(s.webhooks[0].authentication->at(0).name, "X-Own");
  EXPECT_EQ(s.webhooks[0].allowed_ip_ranges, std::vector<std::string>{"10.0.0.0/8"});
}

TEST(Settings, UnderstandAnchorsAndMergeKeys) {
  const auto s = settings_of(R"(
endpoints: {e: {authentication: UNAUTHENTICATED}}
webhooks:
  - &first {name: one, endpoint: e, targetPipeline: p, targetAction: a, filters: &main [{jsonPath: $.x, matchEquals: main}]}
  - {<<: *first, name: two, targetPipeline: q}
  - {name: three, endpoint: e, targetPipeline: r, targetAction: a, filters: *main}
)");
  ASSERT_EQ(s.webhooks.size(), 3u);
  EXPECT_EQ(s.webhooks[1].name, "two");
  EXPECT_EQ(s.webhooks[1].target_pipeline, "q");
  EXPECT_EQ(s.webhooks[1].target_action, "a");
  EXPECT_EQ(s.webhooks[2].filters.at(0).match_equals, "main");
}

TEST(EffectiveValues, KnowWhereTheyCameFrom) {
  const auto result = parse(
      "server:\n  maxBodyBytes: 2048KiB\ncredentials:\n  a: {type: PAT, token: {secret: 'env:T'}}\n", "/etc/p.yaml");
  const auto find = [&](const std::string& path) -> const EffectiveValue& {
    static const EffectiveValue none{};
    for (const auto& value : result.effective) {
      if (value.path == path) return value;
    }
    return none;
  };
  EXPECT_EQ(find("server.maxBodyBytes").value, "2MiB");
  EXPECT_EQ(find("server.maxBodyBytes").source, "/etc/p.yaml:2");
  EXPECT_EQ(find("server.listen").value, "127.0.0.1:8443");
  EXPECT_EQ(find("server.listen").source, "default");
  EXPECT_EQ(find("server.drainTimeout").value, "1m");
  EXPECT_EQ(find("credentials.a.token").value, "env:T");
  EXPECT_EQ(find("credentials.a.token").source, "/etc/p.yaml:4");
  EXPECT_EQ(find("git.proxy").source, "default");
  EXPECT_EQ(find("git.certificateAuthorities").value, "");
  EXPECT_EQ(find("history.retention").value, "90d");
}

TEST(Load, ReadsAFileAndThrowsOnlyWhenItCannotBeRead) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "penstock.yaml";
  EXPECT_THROW(load(file), Error);
  write_file_atomically(file, "endpoints: {}\n");
  EXPECT_TRUE(load(file).problems.empty());
  write_file_atomically(file, "nonsense\n");
  EXPECT_EQ(load(file).problems.at(0).to_string(file),
            file.string() + ":1: expected a mapping with keys such as \"server\" and \"endpoints\", found a text");
}

TEST(Load, ReadsCalendars) {
  const auto result = parse(R"(calendars:
  office:
    timeZone: Europe/Berlin
    open: {mon-wed: "13:00-18:00, 08:00-12:00", "Thu, friday": "22:00-06:00", sat-sun: "00:00-24:00"}
    holidays: {file: days.ics, dates: [2026-12-25, "2027-01-01"]}
    whenClosed: skip
  plain: {timeZone: UTC, open: {fri-mon: "08:00-18:00"}}
)",
                            "/etc/penstock/penstock.yaml");
  ASSERT_TRUE(result.problems.empty());
  ASSERT_EQ(result.settings.calendars.size(), 2u);
  const Calendar& office = result.settings.calendars[0];
  EXPECT_EQ(office.time_zone, "Europe/Berlin");
  EXPECT_EQ(office.holiday_file, "/etc/penstock/days.ics");
  EXPECT_EQ(office.holidays, (std::vector{std::chrono::year(2026) / 12 / 25, std::chrono::year(2027) / 1 / 1}));
  EXPECT_EQ(office.when_closed, Calendar::WhenClosed::kSkip);
  ASSERT_EQ(office.open[2].size(), 2u);
  EXPECT_EQ(office.open[2][0].from, 8 * 60);
  EXPECT_EQ(office.open[2][1].to, 18 * 60);
  for (const std::size_t day : {3u, 4u}) {
    ASSERT_EQ(office.open[day].size(), 1u);
    EXPECT_EQ(office.open[day][0].from, 22 * 60);
    EXPECT_EQ(office.open[day][0].to, 30 * 60);
  }
  EXPECT_EQ(office.open[6].at(0).to, 24 * 60);
  const Calendar& plain = result.settings.calendars[1];
  EXPECT_EQ(plain.when_closed, Calendar::WhenClosed::kPostpone);
  EXPECT_TRUE(plain.holiday_file.empty());
  for (std::size_t day = 0; day < 7; ++day) EXPECT_EQ(plain.open[day].empty(), day >= 1 && day <= 3) << day;
}

TEST(Load, ReadsWhereEventsComeFrom) {
  const LoadResult result = parse(
      "events:\n  endpoints:\n    aws: {authentication: [{type: HEADER, name: X-Token, value: {secret: 'env:T'}}], "
      "allowedIpRanges: [10.0.0.0/8]}\n  sqs: {queueUrl: "
      "'https://sqs.eu-central-1.amazonaws.com/111122223333/events'}\n",
      "penstock.yaml");
  ASSERT_TRUE(result.problems.empty()) << result.problems[0].message;
  const Events& events = result.settings.events;
  ASSERT_EQ(events.endpoints.size(), 1u);
  EXPECT_EQ(events.endpoints[0].name, "aws");
  EXPECT_EQ(events.endpoints[0].authentication.at(0).name, "X-Token");
  EXPECT_EQ(events.endpoints[0].allowed_ip_ranges, std::vector<std::string>{"10.0.0.0/8"});
  EXPECT_EQ(events.queue_url, "https://sqs.eu-central-1.amazonaws.com/111122223333/events");
  EXPECT_TRUE(result.settings.endpoints.empty());
  EXPECT_TRUE(parse("{}", "penstock.yaml").settings.events.queue_url.empty());
}

TEST(Load, ReadsAccessByIdentityProviders) {
  const LoadResult result = parse(R"(
access:
  permissions: [{scope: look, httpVerb: GET, resource: /api/v1/jobs}]
  tokens: [{name: t, sha256: "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824", scopes: [look]}]
  basic: [{username: ann, digest: "$scrypt$ln=15,r=8,p=1$x$y", scopes: [history.read]}]
  jwt:
    - {issuer: "https://a.example", audience: [x, y], scopeClaim: groups, leeway: 5s, cacheTtl: 0, algorithms: [EdDSA],
       keys: {refresh: 5m, timeout: 1s}, permissions: [{scope: s, httpVerb: "*", resource: "*", effect: deny}],
       revoked: {jti: ["1"], subjects: [eve]}}
    - {issuer: b, audience: z, jwks: "file:keys.pem"}
)",
                                  "penstock.yaml");
  ASSERT_EQ(result.problems.size(), 0u) << result.problems[0].to_string("");
  const Access& access = result.settings.access;
  ASSERT_EQ(access.jwt.size(), 2u);
  EXPECT_EQ(access.tokens[0].sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(access.basic[0].path, "access.basic[0]");
  const JwtAccess& first = access.jwt[0];
  EXPECT_EQ(first.audiences, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(first.jwks, "");
  EXPECT_EQ(first.leeway, std::chrono::seconds(5));
  EXPECT_EQ(first.cache_ttl.count(), 0);
  EXPECT_EQ(first.keys_refresh, std::chrono::minutes(5));
  ASSERT_TRUE(first.permissions && first.permissions->size() == 1);
  EXPECT_TRUE(first.permissions->front().deny);
  EXPECT_EQ(first.revoked_subjects, std::vector<std::string>{"eve"});
  EXPECT_EQ(access.jwt[1].audiences, std::vector<std::string>{"z"});
  EXPECT_FALSE(access.jwt[1].permissions || access.jwt[1].leeway);
}

}  // namespace
}  // namespace penstock::config
