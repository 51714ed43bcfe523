// What `penstock check` says about files that are wrong, word for word.

#include <gtest/gtest.h>

#include "core/base/text.h"
#include "core/config/settings.h"

namespace penstock::config {
namespace {

using Lines = std::vector<std::string>;

Lines problems(std::string_view text) {
  Lines lines;
  for (const auto& problem : parse(text, "penstock.yaml").problems) lines.push_back(problem.to_string("penstock.yaml"));
  return lines;
}

std::string only_problem(std::string_view text) {
  const auto lines = problems(text);
  EXPECT_EQ(lines.size(), 1u) << text << (lines.size() > 1 ? "\n" + lines[0] + "\n" + lines[1] : "");
  return lines.empty() ? "" : lines[0];
}

TEST(Problems, AreAllFoundInOneGo) {
  const auto lines = problems(R"(dataDirectory: /var/lib/penstock
server:
  listen: 8443
  maxBodyByte: 4MiB
  drainTimeout: 30s
endpoints:
  azure-devops:
    authentication:
      - {type: BASIC, username: azure, password: hunter2}
    allowedIpRanges: [20.37.158.0/33]
webhooks:
  - name: shop-main
    endpoint: azuredevops
    targetPipeline: shop
    targetAction: Source
    filters:
      - jsonPath: $.resource.refUpdates[
        matchEquals: refs/heads/{Branch}
workers:
  - actionType: {category: Source, owner: Custom, provider: AzureDevOpsRepo, version: "1"}
    remote: https://dev.azure.com/{Organization}/{Project}/_git/{Repo}
    credentials: azure-pad
    concurrency: 0
credentials:
  azure-pat: {type: PAT, token: {secret: "env:AZURE_PAT"}}
)");
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines[0],
            "penstock.yaml:3: server.listen: expected an address such as 0.0.0.0:8443, [::1]:8443, :8443 or "
            "unix:/run/penstock.sock, found \"8443\"");
  EXPECT_EQ(lines[1], "penstock.yaml:4: server.maxBodyByte: unknown key; did you mean \"maxBodyBytes\"?");
  EXPECT_EQ(
      lines[2],
      "penstock.yaml:9: endpoints.azure-devops.authentication[0].password: expected a reference such as {secret: "
      "\"env:NAME\"}, {secret: \"file:PATH\"} or {secret: \"secretsmanager:ID#jsonKey\"}, found a literal text (not "
      "shown); a secret must not stand in the file, and if it is in use replace it");
  EXPECT_EQ(
      lines[3],
      "penstock.yaml:10: endpoints.azure-devops.allowedIpRanges[0]: expected an address range such as 10.0.0.0/8 or "
      "2001:db8::/32, found \"20.37.158.0/33\"");
  EXPECT_EQ(
      lines[4],
      "penstock.yaml:13: webhooks[0].endpoint: expected the name of an endpoint, found \"azuredevops\"; did you mean "
      "\"azure-devops\"?");
  EXPECT_EQ(
      lines[5],
      "penstock.yaml:17: webhooks[0].filters[0].jsonPath: expected an RFC 9535 query, found "
      "\"$.resource.refUpdates[\": column 23: expected a selector (a quoted name, an index, a slice, '*' or '?'), "
      "found the end of the query");
  EXPECT_EQ(
      lines[6],
      "penstock.yaml:22: workers[0].credentials: expected a name under credentials, found \"azure-pad\"; did you mean "
      "\"azure-pat\"?");
  EXPECT_EQ(lines[7], "penstock.yaml:23: workers[0].concurrency: expected a number from 1 to 256, found \"0\"");
}

TEST(Problems, NeverShowASecret) {
  const std::string secret = "hunter2-" + std::string("s3cret");
  for (const auto& text : {
           "endpoints: {e: {authentication: [{type: BASIC, username: a, password: " + secret + "}]}}",
           "endpoints: {e: {authentication: [{type: BASIC, username: a, password: {secret: " + secret + "}}]}}",
           "endpoints: {e: {authentication: [{type: BASIC, username: a, password: [" + secret + "]}]}}",
           "endpoints: {e: {authentication: [{type: BASIC, username: a, password: {secret: {x: " + secret + "}}}]}}",
           "endpoints: {e: {authentication: [{type: HEADER, name: X, value: " + secret + "}]}}",
           "endpoints: {e: {authentication: [{type: HMAC, header: X, secret: " + secret + "}]}}",
           "endpoints: {e: {authentication: [" + secret + "]}}",
           "endpoints: {e: {authentication: " + secret + "}}",
           "endpoints: {e: " + secret + "}",
           "credentials: {a: {type: PAT, token: " + secret + "}}",
           "credentials: {a: {type: SSH_KEY, privateKey: " + secret + "}}",
           "credentials: {a: {type: ENTRA, tenantId: t, clientId: c, clientSecret: " + secret + "}}",
           "credentials: {a: {type: ENTRA, tenantId: t, clientId: c, certificate: " + secret + "}}",
           "credentials: {a: {type: ENTRA, tenantId: t, clientId: c, federatedTokenFile: " + secret + "}}",
           "credentials: {a: {type: ENTRA, tenantId: t, clientId: c, federatedTokenFile: /t, clientSecret: " + secret +
               "}}",
           "git: {proxy: 'http://u:" + secret + "@proxy:3128'}",
           "credentials: {a: {type: ENTRA, tenantId: t, clientId: c, clientSecret: 'env:S', authority: 'https://u:" +
               secret + "@host'}}",
           "credentials: {a: " + secret + "}",
           "access: {tokens: [{name: ops, token: " + secret + ", scopes: [history.read]}]}",
           "access: {tokens: [" + secret + "]}",
           "access: {tokens: " + secret + "}",
           "webhooks: [{webhook: {name: w, targetPipeline: p, targetAction: a, filters: [], authentication: "
           "GITHUB_HMAC, "
           "authenticationConfiguration: {SecretToken: " +
               secret + "}}}]",
           "history: {database: 'postgres://user:" + secret + "@db/x'}",
           "workers: [{actionType: {category: Source, provider: x, version: 1}, remote: 'https://u:" + secret +
               "@host/x'}]",
           "server: {publicUrl: 'https://u:" + secret + "@host/x'}",
           "aws: {endpointUrl: 'https://u:" + secret + "@host/x'}",
       }) {
    const auto result = parse(text, "penstock.yaml");
    EXPECT_FALSE(result.problems.empty()) << text;
    for (const auto& problem : result.problems) {
      EXPECT_EQ(problem.to_string("f").find(secret), std::string::npos) << problem.to_string("f");
    }
    for (const auto& value : result.effective) EXPECT_EQ(value.value.find(secret), std::string::npos) << value.path;
  }
}

TEST(Problems, NameWhatIsWrongWithACalendar) {
  const std::string hours =
      "expected hours such as \"08:00-18:00\" or \"08:00-12:00, 13:00-18:00\", not overlapping, "
      "each from 00:00 to 24:00 or over midnight; found ";
  const auto calendar = [](const std::string& text) { return "calendars:\n  office: {timeZone: UTC, " + text + "}"; };
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {calendar("open: {mon-fry: '08:00-18:00'}"),
            "open.mon-fry: expected days such as mon, mon-fri, \"sat, sun\" or daily, found \"mon-fry\""},
           {calendar("open: {mon: '8-18'}"), "open.mon: " + hours + "\"8-18\""},
           {calendar("open: {mon: '08:00-08:00'}"), "open.mon: " + hours + "\"08:00-08:00\""},
           {calendar("open: {mon: '08:00-24:01'}"), "open.mon: " + hours + "\"08:00-24:01\""},
           {calendar("open: {mon: '24:00-08:00'}"), "open.mon: " + hours + "\"24:00-08:00\""},
           {calendar("open: {mon: '08:60-18:00'}"), "open.mon: " + hours + "\"08:60-18:00\""},
           {calendar("open: {mon: '08:00-12:00, 11:00-18:00'}"), "open.mon: " + hours + "\"08:00-12:00, 11:00-18:00\""},
           {calendar("open: {mon: ''}"), "open.mon: " + hours + "\"\""},
           {calendar("open: {mon-fri: '08:00-18:00', wed: '09:00-10:00'}"),
            "open.wed: expected each day once, found \"wed\" again; write its ranges as one text, separated by commas"},
           {calendar("open: {}"), "open: expected days and hours such as {mon-fri: \"08:00-18:00\"}, found nothing"},
           {calendar("open: {mon: '08:00-18:00'}, whenClosed: skp"),
            "whenClosed: expected one of \"postpone\", \"skip\", found \"skp\"; did you mean \"skip\"?"},
           {calendar("open: {mon: '08:00-18:00'}, holidays: {dates: [2026-02-30]}"),
            "holidays.dates[0]: expected a date such as 2026-12-25, found \"2026-02-30\""},
           {calendar("open: {mon: '08:00-18:00'}, holiday: {}"), "holiday: unknown key; did you mean \"holidays\"?"},
       }) {
    EXPECT_EQ(only_problem(text), "penstock.yaml:2: calendars.office." + expected);
  }
  EXPECT_EQ(only_problem("endpoints: {e: {authentication: UNAUTHENTICATED}}\ncalendars: {office: {timeZone: UTC, open: "
                         "{mon: '08:00-18:00'}}}\nwebhooks:\n  - {name: w, targetPipeline: p, targetAction: a, "
                         "filters: [], calendar: ofice}"),
            "penstock.yaml:4: webhooks[0].calendar: expected the name of a calendar, found \"ofice\"; did you mean "
            "\"office\"?");
}

TEST(Problems, SayWhatIsNotSupportedYet) {
  const std::string webhook =
      "endpoints: {e: {authentication: UNAUTHENTICATED}}\nwebhooks:\n  - {name: w, targetPipeline: p, "
      "targetAction: a, filters: [], ";
  const std::string worker =
      "workers:\n  - {actionType: {category: Source, provider: x, version: 1}, remote: 'https://h/x', ";
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {webhook + "concurrency: {limit: 1}}",
            "penstock.yaml:3: webhooks[0].concurrency: is not supported by this version; remove it"},
           {worker + "handler: terraform}",
            "penstock.yaml:2: workers[0].handler: expected git-source, command or cloudformation, found \"terraform\""},
           {"history: {database: 'postgres://h/x'}",
            "penstock.yaml:1: history.database: PostgreSQL is not supported by this version; expected the path of a "
            "file"},
       }) {
    EXPECT_EQ(only_problem(text), expected);
  }
}

TEST(Problems, TellWhatEventsNeed) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"events: {endpoints: {aws: {}}}",
            "penstock.yaml:1: events.endpoints.aws.authentication: expected a list of methods, or UNAUTHENTICATED "
            "written out; found nothing, and there is no default"},
           {"events: {sqs: {}}", "penstock.yaml:1: events.sqs.queueUrl: expected a text, found nothing"},
           {"events: {sqs: {queueUrl: penstock}}",
            "penstock.yaml:1: events.sqs.queueUrl: expected the URL of an SQS queue such as "
            "https://sqs.eu-central-1.amazonaws.com/111122223333/penstock-events, found \"penstock\""},
           {"events: {sqs: {queueUrl: 'https://sqs.eu-central-1.amazonaws.com/penstock'}}",
            "penstock.yaml:1: events.sqs.queueUrl: expected the URL of an SQS queue such as "
            "https://sqs.eu-central-1.amazonaws.com/111122223333/penstock-events, found "
            "\"https://sqs.eu-central-1.amazonaws.com/penstock\""},
           {"events: {queue: x}", "penstock.yaml:1: events.queue: unknown key; expected one of \"endpoints\", \"sqs\""},
       }) {
    EXPECT_EQ(only_problem(text), expected) << text;
  }
}

TEST(Problems, TellWhatAnArtifactCannotBe) {
  const std::string worker =
      "workers: [{actionType: {category: Source, provider: x, version: '1'}, remote: 'https://h/x',\n artifact: {";
  EXPECT_EQ(
      problems(worker + "include: [a/**], exclude: ['*.md'], submodules: recursive, lfs: true, exportIgnore: true, "
                        "submoduleHosts: {github.com: '', 'h:8443': ''}, outsideLinks: refuse, caseClashes: keep}}]"),
      Lines());
  EXPECT_EQ(problems(worker + "gitMetadata: true, submodules: direct}}]"), Lines());
  EXPECT_EQ(
      only_problem(worker + "submodules: all}}]"),
      "penstock.yaml:2: workers[0].artifact.submodules: expected one of \"none\", \"direct\", \"recursive\", found "
      "\"all\"");
  EXPECT_EQ(only_problem(worker + "submoduleHosts: {'https://github.com': ''}}}]"),
            "penstock.yaml:2: workers[0].artifact.submoduleHosts.https://github.com: expected a host in lower case, or "
            "host:port, found \"https://github.com\"");
  EXPECT_EQ(
      only_problem(worker + "submoduleHosts: {github.com: nobody}}}]"),
      "penstock.yaml:2: workers[0].artifact.submoduleHosts: expected for \"github.com\" a name under credentials or "
      "\"\" for none, found \"nobody\"");
  EXPECT_EQ(only_problem(worker + "gitMetadata: true, subdirectory: a}}]"),
            "penstock.yaml:2: workers[0].artifact.gitMetadata: expected false together with subdirectory, include, "
            "exclude or exportIgnore, because git would report all that is left out as deleted; found true");
}

TEST(Problems, TellWhatAnEndpointNeeds) {
  EXPECT_EQ(
      only_problem("endpoints: {e: {}}"),
      "penstock.yaml:1: endpoints.e.authentication: expected a list of methods, or UNAUTHENTICATED written out; found "
      "nothing, and there is no default");
  EXPECT_EQ(only_problem("endpoints: {e: {authentication: []}}"),
            "penstock.yaml:1: endpoints.e.authentication: expected at least one method, or the word UNAUTHENTICATED; "
            "found an "
            "empty list");
  EXPECT_EQ(
      only_problem("endpoints: {e: {authentication: [{type: BASIK}]}}"),
      "penstock.yaml:1: endpoints.e.authentication[0].type: expected one of \"BASIC\", \"HEADER\", \"HMAC\", found "
      "\"BASIK\"; did you mean \"BASIC\"?");
  EXPECT_EQ(
      only_problem(
          "endpoints: {e: {authentication: [{type: HMAC, header: X, algorithm: md5, secret: {secret: 'env:A'}}]}}"),
      "penstock.yaml:1: endpoints.e.authentication[0].algorithm: expected one of \"sha1\", \"sha256\", \"sha512\", "
      "found "
      "\"md5\"");
  EXPECT_EQ(only_problem("endpoints: {'a/b': {authentication: UNAUTHENTICATED}}"),
            "penstock.yaml:1: endpoints: expected names of letters, digits, \".\", \"_\" and \"-\", found \"a/b\"");
}

TEST(Problems, CoverWebhooks) {
  const auto with = [](const std::string& rest) {
    return "endpoints: {e: {authentication: UNAUTHENTICATED}, f: {authentication: UNAUTHENTICATED}}\nwebhooks:\n" +
           rest;
  };
  const std::string good = "name: w, endpoint: e, targetPipeline: p, targetAction: a, ";
  EXPECT_EQ(only_problem(with("  - {" + good + "filters: []}\n  - {" + good + "filters: []}")),
            "penstock.yaml:4: webhooks[1].name: expected a name of its own, found \"w\" again");
  EXPECT_EQ(
      only_problem(with("  - {" + good + "filters: [{jsonPath: $.a, matchEquals: x, notEquals: y}]}")),
      "penstock.yaml:3: webhooks[0].filters[0].notEquals: expected one condition a filter, found \"matchEquals\" and "
      "\"notEquals\"; write two filters");
  EXPECT_TRUE(
      only_problem(with("  - {" + good + "filters: [{jsonPath: $.a, matchRegex: '(x'}]}"))
          .starts_with("penstock.yaml:3: webhooks[0].filters[0].matchRegex: expected a regular expression in RE2's "
                       "syntax, found \"(x\": "));
  EXPECT_EQ(only_problem(with("  - {" + good + "filters: [{jsonPath: $.a, matchEqual: x}]}")),
            "penstock.yaml:3: webhooks[0].filters[0].matchEqual: unknown key; did you mean \"matchEquals\"?");
  EXPECT_TRUE(
      only_problem(with("  - {" + good + "filters: [], variables: {X: 'resource.id'}}"))
          .starts_with("penstock.yaml:3: webhooks[0].variables.X: expected an RFC 9535 query, found \"resource.id\": "
                       "column 1"));
  EXPECT_EQ(only_problem(with("  - {name: w, targetPipeline: p, targetAction: a, filters: []}")),
            "penstock.yaml:3: webhooks[0].endpoint: expected the name of an endpoint, found nothing");
  EXPECT_EQ(only_problem(with("  - {" + good + "filters: 5}")),
            "penstock.yaml:3: webhooks[0].filters: expected a list of mappings, found a text");
  EXPECT_EQ(problems(with("  - {endpoint: e}")).size(), 4u);
}

TEST(Problems, CoverWorkers) {
  const std::string type = "workers:\n  - {actionType: {category: Source, provider: x, version: 1}, ";
  EXPECT_EQ(
      only_problem(type + "remote: 'http://host/x', credentials: c}\ncredentials: {c: {type: PAT, token: 'env:T'}}"),
      "penstock.yaml:2: workers[0].remote: expected https:// or ssh:// because credentials are sent, found "
      "\"http://host/x\"");
  EXPECT_EQ(problems(type +
                     "remote: 'http://127.0.0.1:80/x', credentials: c}\ncredentials: {c: {type: PAT, token: 'env:T'}}"),
            Lines());
  EXPECT_EQ(
      only_problem(type + "remote: /srv/x.git}"),
      "penstock.yaml:2: workers[0].remote: expected https:// or ssh://, found \"/srv/x.git\"; local repositories need "
      "git.allowFileProtocol: true");
  EXPECT_EQ(problems("git: {allowFileProtocol: true}\n" + type + "remote: 'file:///srv/x.git'}"), Lines());
  EXPECT_EQ(problems(type + "remote: 'git@ssh.dev.azure.com:v3/{Organization}/{Project}/{Repo}'}"), Lines());
  EXPECT_TRUE(
      only_problem(type + "remote: ext::sh -c x}").starts_with("penstock.yaml:2: workers[0].remote: expected a URL"));
  EXPECT_TRUE(only_problem(type + "remote: '--upload-pack=x'}")
                  .starts_with("penstock.yaml:2: workers[0].remote: expected a URL"));
  EXPECT_EQ(only_problem(type + "remote: 'https://h/x', queryParam: {A: [x], B: [y]}}"),
            "penstock.yaml:2: workers[0].queryParam: expected a mapping with one key, found 2 keys");
  EXPECT_EQ(
      only_problem(type + "remote: 'https://h/x', artifact: {subdirectory: ../x}}"),
      "penstock.yaml:2: workers[0].artifact.subdirectory: expected a folder inside the repository, found \"../x\"");
  EXPECT_EQ(
      only_problem("workers: [{actionType: {category: Build, provider: x, version: 1}, remote: 'https://h/x'}]"),
      "penstock.yaml:1: workers[0].handler: expected category Source for the handler git-source, found \"Build\"");
  EXPECT_EQ(
      only_problem("workers: [{actionType: {category: Source, owner: ThirdParty, provider: x, version: 1}, remote: "
                   "'https://h/x'}]"),
      "penstock.yaml:1: workers[0].actionType.owner: expected Custom (actions of others are configured under "
      "thirdParty), found \"ThirdParty\"");
}

TEST(Problems, CoverCredentials) {
  const auto entra = [](const std::string& rest) {
    return only_problem("credentials:\n  a: {type: ENTRA, tenantId: t, clientId: c, " + rest + "}");
  };
  const std::string one = "expected exactly one of clientSecret, certificate and federatedTokenFile, found ";
  EXPECT_EQ(only_problem("credentials:\n  a: {type: ENTRA, tenantId: t, clientId: c}"),
            "penstock.yaml:2: credentials.a.clientSecret: " + one + "none");
  EXPECT_EQ(entra("clientSecret: 'env:S', certificate: 'env:C'"),
            "penstock.yaml:2: credentials.a.certificate: " + one + "clientSecret and certificate");
  EXPECT_EQ(entra("clientSecret: 'env:S', certificate: 'env:C', federatedTokenFile: /t"),
            "penstock.yaml:2: credentials.a.federatedTokenFile: " + one +
                "clientSecret and certificate and federatedTokenFile");
  EXPECT_EQ(entra("certificat: 'env:C', federatedTokenFile: /t"),
            "penstock.yaml:2: credentials.a.certificat: unknown key; did you mean \"certificate\"?");
  const std::string authority =
      "penstock.yaml:2: credentials.a.authority: expected an https address without path such as "
      "https://login.microsoftonline.com, https://login.microsoftonline.us or "
      "https://login.partner.microsoftonline.cn, "
      "found ";
  for (const char* bad : {"http://login.example.com", "https://login.example.com/tenant", "login.example.com"}) {
    EXPECT_EQ(entra(std::string("clientSecret: 'env:S', authority: '") + bad + "'"), authority + "\"" + bad + "\"");
  }
  for (const char* bad : {"common", "Organizations", "a/b", ""}) {
    EXPECT_EQ(only_problem(std::string("credentials:\n  a: {type: ENTRA, tenantId: '") + bad +
                           "', clientId: c, clientSecret: 'env:S'}"),
              std::string("penstock.yaml:2: credentials.a.tenantId: expected the tenant's GUID or domain, found \"") +
                  bad + "\"");
  }
  for (const char* bad : {"2027-02-30", "31.1.2027", "soon", "2027-01-31T12:00:00"}) {
    EXPECT_EQ(only_problem(std::string("credentials:\n  a: {type: PAT, token: 'env:T', expires: '") + bad + "'}"),
              std::string("penstock.yaml:2: credentials.a.expires: expected a date such as 2027-01-31 or a time such "
                          "as 2027-01-31T12:00:00Z, found \"") +
                  bad + "\"");
  }
  EXPECT_EQ(entra("certificate: 'env:C', expires: 2027-01-31"),
            "penstock.yaml:2: credentials.a.expires: is read from the certificate itself; remove it");
  EXPECT_EQ(entra("federatedTokenFile: /t, expires: 2027-01-31"),
            "penstock.yaml:2: credentials.a.expires: a federated token is renewed by who writes its file; remove it");
}

TEST(Problems, CoverWorkersCredentials) {
  const auto with = [](const std::string& remote, const std::string& names) {
    return problems("workers:\n  - {actionType: {category: Source, provider: x, version: 1}, remote: '" + remote +
                    "', credentials: " + names +
                    "}\ncredentials: {pat: {type: PAT, token: 'env:T'}, key: {type: SSH_KEY, privateKey: 'env:K'}}");
  };
  const std::string at = "penstock.yaml:2: workers[0].credentials: ";
  EXPECT_EQ(with("https://h/r", "[pat]"), Lines());
  EXPECT_EQ(with("{Url}/r", "[pat, key]"), Lines());
  EXPECT_EQ(with("https://h/r", "[]"), Lines{at + "expected at least one name, found an empty list"});
  EXPECT_EQ(with("https://h/r", "{a: b}"), Lines{at + "expected a name or a list of names, found a mapping"});
  EXPECT_EQ(with("https://h/r", "[pat, pat]"), Lines{at + "expected each name once, found \"pat\" again"});
  EXPECT_EQ(with("https://h/r", "[pat, pad]"),
            Lines{at + "expected a name under credentials, found \"pad\"; did you mean \"pat\"?"});
  EXPECT_EQ(
      with("https://h/r", "[pat, key]"),
      Lines{at + "expected credentials of type PAT or ENTRA for an https address, found \"key\" of type SSH_KEY"});
  for (const char* remote : {"ssh://git@h/r", "git@h:r/{Repo}"}) {
    EXPECT_EQ(with(remote, "[key]"), Lines());
    EXPECT_EQ(with(remote, "pat"),
              Lines{at + "expected credentials of type SSH_KEY for an ssh address, found \"pat\" of type PAT"});
  }
}

TEST(Problems, CoverGit) {
  EXPECT_EQ(problems("git: {certificateAuthorities: /etc/ca.pem, proxy: 'socks5h://127.0.0.1:1080'}"), Lines());
  EXPECT_EQ(only_problem("git: {certificateAuthorities: ''}"),
            "penstock.yaml:1: git.certificateAuthorities: expected a text that is not empty, found \"\"");
  for (const char* bad : {"proxy:3128", "ftp://proxy", "http://proxy/path"}) {
    EXPECT_EQ(only_problem(std::string("git: {proxy: '") + bad + "'}"),
              std::string("penstock.yaml:1: git.proxy: expected a proxy such as http://proxy.example.com:3128 or "
                          "socks5h://127.0.0.1:1080, found \"") +
                  bad + "\"");
  }
  EXPECT_EQ(only_problem("git: {proxi: 'http://p'}"),
            "penstock.yaml:1: git.proxi: unknown key; did you mean \"proxy\"?");
}

TEST(Problems, CoverFilesThatAreNoConfiguration) {
  EXPECT_EQ(only_problem(""),
            "penstock.yaml: expected a mapping with keys such as \"server\" and \"endpoints\", found an empty file");
  EXPECT_EQ(only_problem("- a\n"),
            "penstock.yaml:1: expected a mapping with keys such as \"server\" and \"endpoints\", found a list");
  EXPECT_EQ(only_problem("just text"),
            "penstock.yaml:1: expected a mapping with keys such as \"server\" and \"endpoints\", found a text");
  EXPECT_EQ(only_problem("server:\n\tlisten: x\n"),
            "penstock.yaml:2: reading YAML: expected spaces as indentation, found a tab");
  EXPECT_EQ(only_problem("server: {}\nserver: {}\n"),
            "penstock.yaml:2: server: expected each key once, found it again (first on line 1)");
  EXPECT_EQ(only_problem("webhoks: []\n"), "penstock.yaml:1: webhoks: unknown key; did you mean \"webhooks\"?");
  EXPECT_EQ(only_problem("server: [1]\n"), "penstock.yaml:1: server: expected a mapping, found a list");
  EXPECT_TRUE(
      only_problem("log: {colour: red}").starts_with("penstock.yaml:1: log.colour: unknown key; expected one of "));
}

TEST(Problems, CoverOriginsThatMayCallTheApi) {
  for (const char* origin : {"*", "https://*.example.com", "https://example.com/", "https://Example.com",
                             "http://example.com", "example.com", "https://user@example.com", "null"}) {
    EXPECT_TRUE(only_problem(std::string("access: {cors: {origins: ['") + origin + "']}}")
                    .starts_with("penstock.yaml:1: access.cors.origins[0]: expected an origin such as "))
        << origin;
  }
}

TEST(Problems, CoverAccess) {
  EXPECT_EQ(only_problem("access: {tokens: [{name: a, token: 'env:A', scopes: [history.reed]}]}"),
            "penstock.yaml:1: access.tokens[0].scopes[0]: expected one of \"history.read\", \"history.redeliver\", "
            "\"history.delete\", \"metrics.read\" (did you mean \"history.read\"?), found \"history.reed\"");
  EXPECT_EQ(
      only_problem("access: {tokens: [{name: a, token: 'env:A'}]}"),
      "penstock.yaml:1: access.tokens[0].scopes: expected a list of scopes such as [history.read], found nothing");
  const auto of_jwt = [](const std::string& more) {
    return only_problem("access: {jwt: {issuer: 'https://id.example', audience: a" + more + "}}");
  };
  EXPECT_EQ(
      only_problem("access: {jwt: {issuer: x, jwks: 'file:k'}}"),
      "penstock.yaml:1: access.jwt.audience: expected what tokens for this program have as \"aud\", found nothing");
  EXPECT_EQ(only_problem("access: {jwt: {issuer: x, audience: a}}"),
            "penstock.yaml:1: access.jwt.jwks: expected where the keys are; without it the issuer must be an https "
            "address, for discovery");
  EXPECT_EQ(
      of_jwt(", jwks: 'http://id.example/keys'"),
      "penstock.yaml:1: access.jwt.jwks: expected https://… of a JWK set without user information, or file:PATH of "
      "a set or PEM, found \"http://id.example/keys\"");
  EXPECT_EQ(
      of_jwt(", algorithms: [RS257]"),
      "penstock.yaml:1: access.jwt.algorithms[0]: expected RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
      "ES512 or EdDSA (did you mean \"RS256\"?), found \"RS257\"");
  EXPECT_EQ(of_jwt(", keys: {refresh: 2h, expire: 1h}"),
            "penstock.yaml:1: access.jwt.keys.expire: expected at least as long as refresh, found \"1h\"");
  EXPECT_EQ(
      of_jwt(", permissions: [{scope: '*', httpVerb: GET, resource: x}]"),
      "penstock.yaml:1: access.jwt.permissions[0].scope: expected a scope, found \"*\", which stands for everybody "
      "only with effect: deny");
  EXPECT_TRUE(of_jwt(", leeway: 1h").starts_with("penstock.yaml:1: access.jwt.leeway: expected"));
  EXPECT_TRUE(of_jwt(", tokenPattern: '('").starts_with("penstock.yaml:1: access.jwt.tokenPattern: expected"));
  EXPECT_EQ(only_problem("access: {basic: [{username: ann, digest: secret, scopes: []}]}"),
            "penstock.yaml:1: access.basic[0].digest: expected what `penstock password-digest` prints, found something "
            "else (not shown)");
  EXPECT_EQ(only_problem("access: {tokens: [{name: a, sha256: secret, scopes: []}]}"),
            "penstock.yaml:1: access.tokens[0].sha256: expected the token's SHA-256 as 64 hexadecimal digits, found "
            "something else (not shown)");
  EXPECT_EQ(only_problem("log: {level: verbose}"),
            "penstock.yaml:1: log.level: expected one of \"debug\", \"info\", \"warning\", \"error\", \"off\", found "
            "\"verbose\"");
  EXPECT_EQ(only_problem("history: {retention: 30s}"),
            "penstock.yaml:1: history.retention: expected 0 (for ever) or at least 1m, found \"30s\"");
}

TEST(Problems, OfSigningInWithABrowser) {
  const std::string sign_in = "access: {signIn: {issuer: 'https://id.example', clientId: a}}";
  EXPECT_EQ(only_problem(sign_in), "penstock.yaml:1: access.signIn: needs server.publicUrl, which is not set");
  EXPECT_EQ(only_problem("server: {publicUrl: 'http://penstock.example'}\n" + sign_in),
            "penstock.yaml:2: access.signIn: needs server.publicUrl, and that with https");
  EXPECT_EQ(problems("server: {publicUrl: 'https://penstock.example'}\n" + sign_in), Lines());
  EXPECT_EQ(only_problem("server: {publicUrl: 'https://penstock.example'}\n"
                         "access: {signIn: {issuer: 'https://id.example', clientId: a, scopes: [email]}}"),
            "penstock.yaml:2: access.signIn.scopes: expected openid among them, without which there is no ID token");
}

TEST(Problems, OfProxiesThatAuthenticate) {
  EXPECT_EQ(only_problem("access: {proxy: {user: X-Auth-Request-User}}"),
            "penstock.yaml:1: access.proxy: needs server.trustedProxies: nobody else's word is taken");
  EXPECT_EQ(problems("server: {trustedProxies: [10.0.0.0/8]}\naccess: {proxy: {user: Authorization}}").size(), 1u);
}

}  // namespace
}  // namespace penstock::config
