#!/usr/bin/env bash
# Shows Penstock's main job on this machine, without an AWS or Azure account: a push travels from an Azure DevOps
# webhook to a pipeline's artifact. Installs and builds what is missing.
#
#   deploy/quickstart.sh           shows it and leaves everything running until Ctrl-C
#   deploy/quickstart.sh --once    shows it and stops; exits 0 only if every step really happened
#   … --programs FOLDER            with penstock and penstock-sandbox from there instead of building them
set -Eeuo pipefail
cd "$(dirname "$0")/.."
root=$PWD

once=false
programs=''
while (($# > 0)); do
  case "$1" in
    --once) once=true ;;
    --programs)
      programs=${2:?--programs needs a folder}
      shift
      ;;
    -h | --help)
      sed -n '2,7s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "quickstart.sh: unknown option '$1'; see --help" >&2
      exit 2
      ;;
  esac
  shift
done

# --- how it is told ---------------------------------------------------------------------------------------------------

bold='' dim='' green='' red='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; fi

now() { date +%s%N; }
seconds_since() {
  local tenths=$((($(now) - $1) / 100000000))
  echo "$((tenths / 10)).$((tenths % 10)) s"
}
whole=$(now)
number=0
title=''
step() {
  number=$((number + 1))
  title=$1
  began=$(now)
  printf '\n%s%2d  %s%s\n' "$bold" "$number" "$title" "$plain"
}
say() { printf '    %s\n' "$*"; }
show() { sed 's/^/    /'; }
done_step() { printf '    %sok%s %s%s%s\n' "$green" "$plain" "$dim" "$(seconds_since "$began")" "$plain"; }
fail() {
  printf '\n%s    failed in step %d, "%s":%s %s\n' "$red" "$number" "$title" "$plain" "$*" >&2
  exit 1
}
# In a subshell the shell that waits for it tells.
trap 'status=$?; if ((BASH_SUBSHELL == 0)); then fail "the command on line $LINENO ended with $status"; fi' ERR

# --- what is cleaned up -----------------------------------------------------------------------------------------------

work=$(mktemp -d -t penstock-quickstart.XXXXXX)
pids=()
cleanup() {
  local status=$? pid
  trap - EXIT INT TERM ERR
  for pid in "${pids[@]}"; do kill -- "-$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2> /dev/null || true; done
  if ((status != 0 && status != 130)); then
    for log in "$work"/*.log; do
      [[ -s $log ]] && printf '\n--- the end of %s\n' "$(basename "$log")" && tail -n 15 "$log"
    done >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND…: in the background and a process group of its own, with its output in NAME.log.
start() {
  local name=$1
  shift
  setsid "$@" > "$work/$name.log" 2>&1 < /dev/null &
  pids+=($!)
}
# wait_for WHAT COMMAND…: until it succeeds, half a minute at most.
wait_for() {
  local what=$1 deadline=$((SECONDS + 30))
  shift
  until "$@" > /dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waiting for $what took more than 30 s"
    sleep 0.1
  done
}
free_port() {
  local port
  for port in "$@" $(shuf -i 20000-32000 -n 50); do
    if ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
      echo "$port"
      return
    fi
  done
  return 1
}

printf '%sPenstock, a quick start%s\n' "$bold" "$plain"
say "From a push in Azure DevOps to an artifact for AWS CodePipeline, all on this machine."

# --- packages and programs --------------------------------------------------------------------------------------------

step "Install the packages that are missing"
deploy/dependencies.sh --demo 2>&1 | show
say "$(deploy/dependencies.sh --demo --list | wc -l) packages are there"
done_step

step "Build penstock and penstock-sandbox (release)"
if [[ -z $programs ]]; then
  say "a few minutes the first time"
  cmake --preset release > "$work/configure.log" 2>&1 || fail "configuring"
  cmake --build --preset release --target penstock penstock-sandbox > "$work/build.log" 2>&1 || fail "building"
  programs=$root/build/release/bin
fi
penstock=$programs/penstock
sandbox=$programs/penstock-sandbox
[[ -x $penstock && -x $sandbox ]] || fail "there is no penstock and penstock-sandbox in $programs"
say "$("$penstock" version | sed -n 1p) in $programs"
done_step

# --- AWS --------------------------------------------------------------------------------------------------------------

step "Start the sandbox, which speaks AWS's protocols, and make a pipeline in it"
export AWS_ACCESS_KEY_ID=AKIDSANDBOX000000001 AWS_SECRET_ACCESS_KEY=sandbox-secret-access-key-of-no-value-00
export AWS_REGION=eu-central-1 AWS_EC2_METADATA_DISABLED=true
start sandbox "$sandbox" --listen 127.0.0.1:0 --data "$work/sandbox"
wait_for "the sandbox" grep -q 'http://127' "$work/sandbox.log"
AWS_ENDPOINT_URL=$(grep -o 'http://127[0-9.:]*' "$work/sandbox.log" | head -n 1)
export AWS_ENDPOINT_URL

# signed SERVICE CURL_OPTIONS…: one AWS request. curl signs, but leaves the hash of the body to us.
signed() {
  local service=$1
  shift
  curl -sS --fail-with-body --max-time 30 --aws-sigv4 "aws:amz:$AWS_REGION:$service" \
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
# codepipeline OPERATION: the request's JSON comes from stdin.
codepipeline() {
  signed codepipeline "$AWS_ENDPOINT_URL/" -H 'Content-Type: application/x-amz-json-1.1' \
    -H "X-Amz-Target: CodePipeline_20150709.$1" --data-binary @-
}
organization=northwind project=Harbour repository=shop bucket=harbour-artifacts
location="<CreateBucketConfiguration><LocationConstraint>$AWS_REGION</LocationConstraint></CreateBucketConfiguration>"
signed s3 -X PUT "$AWS_ENDPOINT_URL/$bucket" --data-binary "$location" -H 'Content-Type: application/xml' \
  -H "x-amz-content-sha256: $(printf %s "$location" | sha256sum | cut -d' ' -f1)" > /dev/null
say "bucket $bucket"
port=$(free_port 8443)
url=https://127.0.0.1:$port
# The definition's links lead to this server's pages.
sed "s|https://penstock.example.com|$url|" deploy/action-types/azure-devops-source.json |
  "$penstock" action-type create - 2> /dev/null |
  jq -r '.id | "action type \(.category)/\(.owner)/\(.provider)/\(.version), from deploy/action-types/azure-devops-source.json"' | show
codepipeline CreatePipeline << PIPELINE | jq -r '.pipeline | "pipeline \(.name): \([.stages[].name] | join(" -> "))"' | show
{"pipeline": {"name": "shop", "version": 1, "roleArn": "arn:aws:iam::111122223333:role/pipelines",
 "artifactStore": {"type": "S3", "location": "$bucket"},
 "stages": [
  {"name": "Source", "actions": [{"name": "Source", "namespace": "SourceVariables",
    "actionTypeId": {"category": "Source", "owner": "Custom", "provider": "AzureDevOpsRepo", "version": "1"},
    "configuration": {"Organization": "$organization", "Project": "$project", "Repo": "$repository", "Branch": "main"},
    "outputArtifacts": [{"name": "SourceOutput"}]}]},
  {"name": "Deploy", "actions": [{"name": "Deploy", "inputArtifacts": [{"name": "SourceOutput"}],
    "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
    "configuration": {"BucketName": "$bucket", "Extract": "false", "ObjectKey": "deployed/shop.zip"}}]}]}}
PIPELINE
say "endpoint $AWS_ENDPOINT_URL"
done_step

# --- git --------------------------------------------------------------------------------------------------------------

step "Serve a git repository: nginx, git http-backend, a password"
git_port=$(free_port)
token=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
repositories=$work/git/$organization/$project/_git
mkdir -p "$repositories" "$work/nginx"
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
git init -q --bare --initial-branch=main "$repositories/$repository"
git -C "$repositories/$repository" config http.receivepack true
git -C "$repositories/$repository" config uploadpack.allowAnySHA1InWant true
cat > "$work/nginx.conf" << NGINX
daemon off;
master_process off;
pid $work/nginx/pid;
events {}
http {
  access_log $work/nginx/access.log;
  client_body_temp_path $work/nginx/body;
  fastcgi_temp_path $work/nginx/fastcgi;
  proxy_temp_path $work/nginx/proxy;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  # Any name will do, as in Azure DevOps; the password is the token.
  map_hash_bucket_size 256;
  map \$http_authorization \$known {
    default 0;
    "Basic $(printf 'ada:%s' "$token" | base64 -w 0)" 1;
    "Basic $(printf ':%s' "$token" | base64 -w 0)" 1;
    "Basic $(printf 'pat:%s' "$token" | base64 -w 0)" 1;
    "Basic $(printf 'penstock:%s' "$token" | base64 -w 0)" 1;
  }
  server {
    listen 127.0.0.1:$git_port;
    client_max_body_size 200m;
    error_page 401 @challenge;
    location @challenge {
      add_header WWW-Authenticate 'Basic realm="git"' always;
      return 401;
    }
    location / {
      if (\$known = 0) { return 401; }
      fastcgi_pass unix:$work/nginx/git.socket;
      fastcgi_param REQUEST_METHOD \$request_method;
      fastcgi_param QUERY_STRING \$query_string;
      fastcgi_param CONTENT_TYPE \$content_type;
      fastcgi_param CONTENT_LENGTH \$content_length;
      fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
      fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
      fastcgi_param GIT_PROJECT_ROOT $work/git;
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO \$uri;
    }
  }
}
NGINX
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
start fcgiwrap fcgiwrap -c 2 -s "unix:$work/nginx/git.socket"
wait_for "fcgiwrap" test -S "$work/nginx/git.socket"
start nginx "$nginx" -p "$work/nginx" -c "$work/nginx.conf" -e "$work/nginx/error.log"
git_url=http://127.0.0.1:$git_port/$organization/$project/_git/$repository
wait_for "nginx" curl -s -o /dev/null "http://127.0.0.1:$git_port/"

# What is in the repository: this project's own source, and what archives tend to lose.
commit_as() { git -C "$work/clone" -c user.name='Ada Lindqvist' -c user.email=ada@northwind.example commit -q "$@"; }
git init -q --initial-branch=main "$work/clone"
if git rev-parse --verify -q HEAD > /dev/null; then
  git archive HEAD | tar -x -C "$work/clone"
else
  tar -c --exclude=./build --exclude=./.git . | tar -x -C "$work/clone"
fi
printf 'Kaimauer\n' > "$work/clone/größe.txt"
ln -s deploy/quickstart.sh "$work/clone/start"
git -C "$work/clone" add -A
commit_as -m "Import"
old=$(git -C "$work/clone" rev-parse HEAD)
printf 'pushed %s\n' "$(date -u +%FT%TZ)" > "$work/clone/pushed.txt"
git -C "$work/clone" add -A
commit_as -m "Say when this was pushed"
commit=$(git -C "$work/clone" rev-parse HEAD)
refused=$(curl -s -o /dev/null -w '%{http_code}' "$git_url/info/refs?service=git-upload-pack")
[[ $refused == 401 ]] || fail "the git server let someone in without a password ($refused)"
git -C "$work/clone" -c "http.extraHeader=Authorization: Basic $(printf 'ada:%s' "$token" | base64 -w 0)" \
  push -q "$git_url" main
say "$git_url (without the password: $refused)"
say "pushed main, ${commit:0:12} \"Say when this was pushed\", $(git -C "$work/clone" ls-files | wc -l) files"
done_step

# --- penstock ---------------------------------------------------------------------------------------------------------

step "Start penstock over TLS"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=Penstock quick start" \
  -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" -keyout "$work/tls.key" -out "$work/tls.crt" 2> /dev/null
HOOK_PASSWORD=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
PENSTOCK_TOKEN=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
AZURE_PAT=$token
export HOOK_PASSWORD PENSTOCK_TOKEN AZURE_PAT
cat > "$work/penstock.yaml" << CONFIG
dataDirectory: $work/data
server:
  listen: 127.0.0.1:$port
  tls: {certificate: $work/tls.crt, privateKey: $work/tls.key}
endpoints:
  azure-devops:
    authentication:
      - {type: BASIC, username: azure, password: {secret: "env:HOOK_PASSWORD"}}
webhooks:
  - name: shop-main
    endpoint: azure-devops
    targetPipeline: shop
    targetAction: Source
    filters:
      - {jsonPath: "\$.resource.refUpdates..name", matchEquals: "refs/heads/{Branch}"}
      - {jsonPath: "\$.resource.repository.name", matchEquals: "{Repo}"}
workers:
  - actionType: {category: Source, owner: Custom, provider: AzureDevOpsRepo, version: "1"}
    handler: git-source
    remote: "http://127.0.0.1:$git_port/{Organization}/{Project}/_git/{Repo}"
    branch: "{Branch}"
    credentials: azure-pat
    pollInterval: {idle: 2s, busy: 200ms}
credentials:
  azure-pat: {type: PAT, token: {secret: "env:AZURE_PAT"}}
access:
  tokens: [{name: you, token: {secret: "env:PENSTOCK_TOKEN"}, scopes: [history.read, history.redeliver]}]
CONFIG
"$penstock" check --config "$work/penstock.yaml" 2>&1 | show
start penstock "$penstock" serve --config "$work/penstock.yaml"
server_pid=${pids[-1]}
call() { curl -sS --max-time 30 --cacert "$work/tls.crt" "$@"; }
api() { call --fail-with-body -H "Authorization: Bearer $PENSTOCK_TOKEN" "$url/api/v1/$1"; }
wait_for "penstock" call -f "$url/readyz"
say "$url, ready: $(call "$url/readyz" | jq -c .)"
done_step

step "POST the push as Azure DevOps would"
repository_id=6c1d2b1e-3f65-4c3a-9a57-0d5a4c2b7e10
cat > "$work/push.json" << PUSH
{"subscriptionId": "5f0c86d4-74a4-4f2f-9a55-1c1b8a0f9d11", "notificationId": 1,
 "id": "b7f2c1f0-5d1e-4f57-8e0b-3a7d7f6c2a01", "eventType": "git.push", "publisherId": "tfs",
 "message": {"text": "Ada Lindqvist pushed updates to $repository:main"},
 "resource": {
  "commits": [{"commitId": "$commit", "comment": "Say when this was pushed",
    "author": {"name": "Ada Lindqvist", "email": "ada@northwind.example", "date": "$(date -u +%FT%TZ)"}}],
  "refUpdates": [{"name": "refs/heads/main", "oldObjectId": "$old", "newObjectId": "$commit"}],
  "repository": {"id": "$repository_id", "name": "$repository", "defaultBranch": "refs/heads/main",
    "project": {"id": "0a7e4d8e-9d8e-4a55-8f0e-7b1f7b9ad001", "name": "$project", "state": "wellFormed"},
    "remoteUrl": "https://dev.azure.com/$organization/$project/_git/$repository"},
  "pushedBy": {"displayName": "Ada Lindqvist", "uniqueName": "ada@northwind.example"},
  "pushId": 1, "date": "$(date -u +%FT%TZ)"},
 "resourceVersion": "1.0", "createdDate": "$(date -u +%FT%TZ)"}
PUSH
post() { call -X POST "$url/hooks/azure-devops" -H 'Content-Type: application/json' --data-binary @"$1" "${@:2}"; }
stranger=$(post "$work/push.json" -o /dev/null -w '%{http_code}')
[[ $stranger == 401 ]] || fail "a POST without the password was answered $stranger"
answer=$(post "$work/push.json" --fail-with-body --user "azure:$HOOK_PASSWORD")
delivery=$(jq -r .deliveryId <<< "$answer")
[[ $(jq -r .outcome <<< "$answer") == triggered ]] || fail "unexpected answer: $answer"
say "without the password: $stranger; with it: 200"
say "$answer"
done_step

step "See the pipeline started"
trigger() { api "deliveries/$delivery" | jq -e '.triggers[0] | select(.state == "started")'; }
wait_for "the pipeline to be started" trigger
execution=$(trigger | jq -r .pipelineExecutionId)
trigger | jq -r '"pipeline \(.pipeline), execution \(.pipelineExecutionId), for commit \(.commitId[:12]) of \(.ref)"' | show
in_aws() { codepipeline GetPipelineExecution <<< "{\"pipelineName\": \"shop\", \"pipelineExecutionId\": \"$execution\"}"; }
in_aws | jq -r '"AWS says: \(.pipelineExecution.status)"' | show
done_step

step "See the source job worked"
job() { api "jobs?limit=50" | jq -e --arg id "$execution" '.jobs[] | select(.pipelineExecutionId == $id and (.state == "succeeded" or .state == "failed"))'; }
wait_for "the job" job
[[ $(job | jq -r .state) == succeeded ]] || fail "the job failed: $(job | jq -c .failure)"
job | jq -r 'def s: . * 1000 | round / 1000 | tostring + " s";
  "fetched in \(.phases.fetch | s), zipped in \(.phases.zip | s), uploaded in \(.phases.upload | s)",
  "\(.artifact.entries) entries, \(.artifact.bytes) bytes, SHA-256 \(.artifact.sha256[:16])…",
  "to s3://\(.artifact.bucket)/\(.artifact.key)"' | show
ended() { in_aws | jq -e '.pipelineExecution | select(.status != "InProgress")'; }
wait_for "the pipeline to end" ended
[[ $(ended | jq -r .status) == Succeeded ]] || fail "the execution ended as $(ended | jq -r .status)"
say "AWS says: Succeeded, source revision $(ended | jq -r '.artifactRevisions[0].revisionId[:12]')"
done_step

step "Download the artifact and compare it with the commit"
signed s3 -o "$work/artifact.zip" -H "x-amz-content-sha256: $(sha256sum < /dev/null | cut -d' ' -f1)" \
  "$AWS_ENDPOINT_URL/$bucket/$(job | jq -r .artifact.key)"
[[ $(sha256sum "$work/artifact.zip" | cut -d' ' -f1) == "$(job | jq -r .artifact.sha256)" ]] || fail "another SHA-256"
mkdir "$work/unzipped" "$work/checkout"
LC_ALL=C.UTF-8 unzip -q "$work/artifact.zip" -d "$work/unzipped"
git -C "$work/clone" archive HEAD | tar -x -C "$work/checkout"
diff -r --no-dereference "$work/checkout" "$work/unzipped" > "$work/diff.log" || fail "artifact and commit differ: $(head -n 5 "$work/diff.log")"
modes() { (cd "$1" && find . \( -type l -printf 'link %p -> %l\n' \) -o \( -type f -perm /111 -printf 'executable %p\n' \) | LC_ALL=C sort); }
[[ $(modes "$work/checkout") == "$(modes "$work/unzipped")" ]] || fail "links or executable files differ"
LC_ALL=C.UTF-8 unzip -Z "$work/artifact.zip" | { grep -E '^l| \.[a-z]+|ö|pushed.txt|quickstart.sh' || true; } | head -n 12 | show
say "… $(LC_ALL=C.UTF-8 unzip -Z1 "$work/artifact.zip" | wc -l) entries: same files, bytes, modes and links as the commit"
say "pushed.txt says: $(unzip -p "$work/artifact.zip" pushed.txt)"
done_step

step "Ask the history why"
[[ $(call -o /dev/null -w '%{http_code}' "$url/api/v1/deliveries") == 401 ]] || fail "the history is open to strangers"
api "deliveries/$delivery" | jq -r '
  "delivery \(.id) at \(.receivedAt) from \(.remoteAddress): \(.outcome)",
  (.decisions[] | "webhook \(.webhook): \(.reason)"),
  (.decisions[0].filters[] | "  \(.jsonPath) = \(.selected | join(", ")); expected \(.expected): \(if .matched then "matched" else "did not match" end)")' | show
again=$(post "$work/push.json" --fail-with-body --user "azure:$HOOK_PASSWORD")
[[ $(jq -r .outcome <<< "$again") == duplicate ]] || fail "the same push again was not seen as one: $again"
say "the same push again: $(jq -r .outcome <<< "$again"), nothing is started twice"
done_step

if $once; then
  step "Stop"
  kill -TERM "$server_pid"
  status=0
  wait "$server_pid" || status=$?
  ((status == 0)) || fail "penstock ended with $status"
  say "penstock ended with 0 after SIGTERM"
  done_step
  printf '\n%sAll of it happened, in %s.%s\n' "$bold" "$(seconds_since "$whole")" "$plain"
  exit 0
fi

printf '\n%sAll of it happened, in %s. It goes on running; Ctrl-C stops it and removes %s.%s\n' "$bold" \
  "$(seconds_since "$whole")" "$work" "$plain"
cat << END

  penstock     $url            config $work/penstock.yaml, log $work/penstock.log
  AWS          $AWS_ENDPOINT_URL           the sandbox
  git          $git_url

  Copy to another terminal:

  export PENSTOCK_TOKEN=$PENSTOCK_TOKEN

  # the history of deliveries, and of jobs
  curl -s --cacert $work/tls.crt -H "Authorization: Bearer \$PENSTOCK_TOKEN" "$url/api/v1/deliveries?limit=5" | jq
  curl -s --cacert $work/tls.crt -H "Authorization: Bearer \$PENSTOCK_TOKEN" "$url/api/v1/jobs" | jq

  # the same push once more, started anew
  curl -s --cacert $work/tls.crt -H "Authorization: Bearer \$PENSTOCK_TOKEN" -X POST "$url/api/v1/deliveries/$delivery/redeliver"

  # what would happen to an event, filter by filter
  $penstock explain --config $work/penstock.yaml $work/push.json

  # a delivery as Azure DevOps sends it (this one is known already)
  curl -s --cacert $work/tls.crt -u azure:$HOOK_PASSWORD -H 'Content-Type: application/json' --data-binary @$work/push.json $url/hooks/azure-devops
END
wait "$server_pid" || fail "penstock ended"
