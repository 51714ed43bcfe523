#include "server/command_line.h"

#include <csignal>
#include <functional>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "server/version.h"

namespace penstock::server {
namespace {

constexpr std::size_t kMaxInput = 64u << 20;

}  // namespace

std::string read_input(const std::filesystem::path& path) {
  if (path != "-") return read_file(path, kMaxInput);
  std::string text;
  char buffer[65536];
  while (std::cin.read(buffer, sizeof buffer) || std::cin.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > kMaxInput) throw Error(ErrorKind::kExhausted, "reading stdin: more than 64 MiB");
  }
  return text;
}

int run_command_line(int argc, char** argv) {
  // A peer that hangs up must end its connection, not the process.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app{"Penstock: the gate between Azure DevOps repositories and AWS CodePipeline"};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(kVersion));
  app.failure_message(CLI::FailureMessage::help);
  std::function<int()> command;

  std::filesystem::path config;
  const auto add_config = [&](CLI::App* sub, bool required) {
    auto* option = sub->add_option("-c,--config", config, "configuration file (YAML or JSON)");
    if (required) option->required();
  };

  auto* serve = app.add_subcommand("serve", "run receiver, trigger stage and workers until SIGTERM; SIGHUP reloads");
  add_config(serve, true);
  serve->callback([&] { command = [&] { return run_serve(config); }; });

  auto* check = app.add_subcommand("check", "validate the configuration; prints every problem with its line");
  add_config(check, true);
  check->callback([&] { command = [&] { return run_check(config); }; });

  auto* show = app.add_subcommand("config", "print the effective settings and where each comes from; secrets masked");
  add_config(show, true);
  show->callback([&] { command = [&] { return run_config(config); }; });

  std::string query;
  std::filesystem::path document = "-";
  auto* jsonpath = app.add_subcommand("jsonpath", "evaluate an RFC 9535 query; prints [{\"path\", \"value\"}, …]");
  jsonpath->add_option("QUERY", query, "the query, e.g. '$.resource.refUpdates..name'")->required();
  jsonpath->add_option("FILE", document, "JSON document; stdin when left out");
  jsonpath->callback([&] { command = [&] { return run_jsonpath(query, document); }; });

  ExplainArguments explain_arguments;
  auto* explain = app.add_subcommand(
      "explain", "say what would happen now to a payload or a stored delivery, and what is different; starts nothing");
  add_config(explain, true);
  auto* payload = explain->add_option("PAYLOAD", explain_arguments.payload, "the event's JSON; stdin when left out");
  auto* endpoint = explain->add_option("--endpoint", explain_arguments.endpoint, "the webhooks of this endpoint alone")
                       ->option_text("NAME");
  explain->add_option("--delivery", explain_arguments.delivery, "a delivery of the history, instead of a payload")
      ->option_text("ID")
      ->excludes(payload)
      ->excludes(endpoint);
  explain->callback([&] {
    explain_arguments.config = config;
    command = [&] { return run_explain(explain_arguments); };
  });

  ArtifactArguments artifact_arguments;
  auto* artifact = app.add_subcommand("artifact", "fetch a revision and zip it with the worker's engine, without AWS");
  artifact->add_option("--repository", artifact_arguments.repository, "https://…, ssh://… or git@host:path")
      ->required();
  artifact->add_option("--revision", artifact_arguments.revision, "commit id, refs/… or a branch name")->required();
  artifact->add_option("--output", artifact_arguments.output, "the zip file to write")->required();
  artifact->add_option("-c,--config", artifact_arguments.config, "configuration with the credentials");
  artifact
      ->add_option("--credentials", artifact_arguments.credentials, "a name under `credentials:` of the configuration")
      ->needs("--config");
  artifact->add_option("--cache", artifact_arguments.cache, "folder for the mirror; kept for the next run");
  artifact->add_option("--previous", artifact_arguments.previous,
                       "an earlier artifact, to take over what has not changed (default: the last one of the cache)");
  config::Artifact& options = artifact_arguments.artifact;
  artifact->add_option("--compression", options.compression, "0 (store) to 12")
      ->check(CLI::Range(0, 12))
      ->option_text("LEVEL");
  artifact->add_option("--subdirectory", options.subdirectory, "only what is below this folder, with shorter paths");
  artifact->add_option("--include", options.include, "only files that match this glob; may be repeated");
  artifact->add_option("--exclude", options.exclude, "no file that matches this glob; may be repeated");
  // A transformer's own text in --help would show numbers.
  std::string submodules = "none", outside_links = "keep", case_clashes = "keep";
  artifact
      ->add_option("--submodules", submodules,
                   "none (they are empty folders; the default), direct, or recursive (theirs as well)")
      ->check(CLI::IsMember({"none", "direct", "recursive"}))
      ->option_text("DEPTH");
  std::vector<std::string> submodule_hosts;
  artifact
      ->add_option("--submodule-host", submodule_hosts,
                   "another host that submodules may come from, and the credential for it (without: none); may be "
                   "repeated")
      ->option_text("HOST[:PORT][=NAME] ...");
  artifact->add_flag("--lfs", options.lfs, "real content instead of Git LFS pointers");
  artifact->add_flag("--git-metadata", options.git_metadata,
                     "with a shallow .git folder, for git status, log -1 and describe");
  artifact->add_flag("--export-ignore", options.export_ignore, "leave out what .gitattributes mark as export-ignore");
  artifact
      ->add_option("--outside-links", outside_links, "links that point outside: keep and warn (the default), or refuse")
      ->check(CLI::IsMember({"keep", "refuse"}))
      ->option_text("keep|refuse");
  artifact
      ->add_option("--case-clashes", case_clashes,
                   "names that differ in case only: keep and warn (the default), or refuse")
      ->check(CLI::IsMember({"keep", "refuse"}))
      ->option_text("keep|refuse");
  artifact->callback([&] {
    using Submodules = config::Artifact::Submodules;
    options.submodules = submodules == "recursive" ? Submodules::kRecursive
                         : submodules == "direct"  ? Submodules::kDirect
                                                   : Submodules::kNone;
    options.refuse_outside_links = outside_links == "refuse";
    options.refuse_case_clashes = case_clashes == "refuse";
    for (const std::string& entry : submodule_hosts) {
      const std::size_t equals = entry.find('=');
      const std::string host = to_lower(entry.substr(0, equals));
      if (host.empty() || host.find_first_of("/@ ") != std::string::npos)
        throw CLI::ValidationError("--submodule-host",
                                   "expected HOST, HOST:PORT or HOST=NAME, found " + in_quotes(entry));
      options.submodule_hosts[host] = equals == std::string::npos ? "" : entry.substr(equals + 1);
    }
    command = [&] { return run_artifact(artifact_arguments); };
  });

  ServerArguments server;
  const auto add_server = [&](CLI::App* sub) {
    sub->add_option("--server", server.url, "e.g. https://penstock.example.com; the token comes from PENSTOCK_TOKEN")
        ->required();
    sub->add_option("--ca-file", server.ca_file, "PEM certificates to trust instead of the system's");
  };
  std::string delivery_id, webhook, trigger_id;
  auto* redeliver = app.add_subcommand("redeliver", "ask a running server to process a stored delivery again");
  redeliver->add_option("ID", delivery_id, "the delivery's id")->required();
  redeliver->add_option("--webhook", webhook, "this webhook alone, instead of all that the delivery reached")
      ->option_text("NAME");
  add_server(redeliver);
  redeliver->callback([&] { command = [&] { return run_redeliver(delivery_id, webhook, server); }; });

  auto* release = app.add_subcommand("release", "ask a running server to start a deferred trigger now");
  release->add_option("ID", trigger_id, "the trigger's id, as the delivery shows it")->required();
  add_server(release);
  release->callback([&] { command = [&] { return run_release(trigger_id, server); }; });

  auto* password_digest =
      app.add_subcommand("password-digest", "read a password from stdin and print its digest for access.basic");
  password_digest->callback([&] { command = [] { return run_password_digest(); }; });

  std::string pipeline;
  auto* webhooks = app.add_subcommand("webhooks", "CodePipeline's own webhooks");
  webhooks->require_subcommand(1);
  auto* import = webhooks->add_subcommand(
      "import", "print CodePipeline's webhooks as definitions for the configuration; changes nothing");
  add_config(import, false);
  import->add_option("--pipeline", pipeline, "those of this pipeline alone")->option_text("NAME");
  import->callback([&] { command = [&] { return run_import_webhooks(config, pipeline);
};
}  // namespace penstock::server
);

ActionTypeArguments action_type_arguments;
auto* action_type = app.add_subcommand("action-type", "CodePipeline's custom action types");
action_type->require_subcommand(1);
using What = ActionTypeArguments::What;
const auto add_action_type = [&](const char* name, const char* help, What what) {
  auto* sub = action_type->add_subcommand(name, help);
  if (what != What::kList) {
    sub->add_option("FILE", action_type_arguments.file,
                    "the definition, as the AWS CLI takes it (deploy/action-types has some); - for stdin")
        ->required();
  }
  sub->add_option("-c,--config", config, "for aws.region, aws.endpointUrl, and server.publicUrl in links");
  sub->callback([&, what] {
    action_type_arguments.what = what;
    action_type_arguments.config = config;
    command = [&] { return run_action_type(action_type_arguments); };
  });
};
add_action_type("create", "make the action type unless it is there already; prints it", What::kCreate);
add_action_type("list", "print all custom action types, a JSON line each", What::kList);
add_action_type("describe", "print the action type that a definition names, and what is different", What::kDescribe);

auto* version = app.add_subcommand("version", "print the versions of Penstock and of its libraries");
version->callback([&] { command = [] { return run_version(); }; });

try {
  app.parse(argc, argv);
} catch (const CLI::ParseError& error) {
  const int code = app.exit(error, std::cout, std::cerr);
  return code == 0 ? kExitSuccess : kExitUsage;
}
try {
  return command();
} catch (const Error& error) {
  std::cerr << "penstock: " << error.what() << "\n";
  return error.kind() == ErrorKind::kConfiguration ? kExitBadConfig : kExitFailure;
} catch (const std::exception& error) {
  std::cerr << "penstock: internal error: " << error.what() << "\n";
  return kExitFailure;
}
}

}  // namespace penstock::server
