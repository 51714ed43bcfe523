"""Real git servers on loopback: nginx with git http-backend, and sshd with RSA keys that sign with SHA-2 only."""

import base64
import getpass
import os
import stat
import subprocess
from pathlib import Path

from support.processes import Process, eventually, free_port
from support.repositories import GIT_ENVIRONMENT, Repository, run_git

NGINX_CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log info;
events {{ worker_connections 256; }}
http {{
  log_format calls '$status $request_method $request_uri auth=$http_authorization';
  access_log {directory}/nginx-access.log calls;
  client_body_temp_path {directory}/client;
  fastcgi_temp_path {directory}/fastcgi;
  proxy_temp_path {directory}/proxy;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{https_port} ssl;
    listen 127.0.0.1:{http_port};
    ssl_certificate {certificate};
    ssl_certificate_key {private_key};
    client_max_body_size 64m;
    error_page 401 @challenge;
    location @challenge {{
      add_header WWW-Authenticate 'Basic realm="git"' always;
      return 401 "TF400813: Resource not available for anonymous access. Client authentication required.\n";
    }}
    location / {{
      if (-f "{directory}/hidden/$http_authorization") {{
        return 404 "TF401019: The Git repository does not exist or you do not have permissions for this operation.\n";
      }}
      if (!-f "{directory}/accepted/$http_authorization") {{ return 401; }}
      fastcgi_pass unix:{directory}/fcgi.socket;
      fastcgi_read_timeout 60s;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_GIT_PROTOCOL "";
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param SCRIPT_FILENAME {http_backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $uri;
    }}
  }}
}}
"""


class GitHttpServer:
    """Serves the repositories below `root` to whoever knows the password, over https and over http on loopback.

    As Azure Repos does, it takes any user name, also an empty one (which nginx's auth_basic refuses), and offers no
    protocol version 2.
    """

    def __init__(self, directory, root, certificate, password):
        self.directory, self.root = Path(directory), Path(root)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        self.https_port, self.http_port = free_port(), free_port()
        for user in ("", "pat", "penstock"):
            self.accept("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        configuration = self.directory / "nginx.conf"
        configuration.write_text(NGINX_CONFIGURATION.format(
            directory=self.directory, root=self.root, https_port=self.https_port, http_port=self.http_port,
            certificate=certificate.certificate, private_key=certificate.private_key,
            http_backend=Path(run_git("--exec-path").decode().strip()) / "git-http-backend"))
        # fcgiwrap gives its children this environment and the request's.
        self._backend = Process(["fcgiwrap", "-c", "4", "-s", f"unix:{self.directory}/fcgi.socket"],
                                self.directory / "fcgiwrap.log", env=GIT_ENVIRONMENT)
        try:
            eventually("fcgiwrap's socket", (self.directory / "fcgi.socket").exists, 10)
            self.resume()
        except BaseException:
            self._backend.close()
            raise

    def resume(self):
        self._nginx = Process(["/usr/sbin/nginx", "-p", self.directory, "-c", self.directory / "nginx.conf", "-e",
                               self.directory / "nginx-error.log"], self.directory / "nginx.log")
        eventually("nginx", self._ready, 10)

    def pause(self):
        """Nobody listens until resume()."""
        self._nginx.close()
        (self.directory / "nginx.pid").unlink(missing_ok=True)

    def _ready(self):
        self._nginx.expect_running()
        return (self.directory / "nginx.pid").exists()

    # Values of the Authorization header; each request is judged by what holds at its time.

    def accept(self, authorization):
        self._mark("accepted", authorization)

    def revoke(self, authorization):
        (self.directory / "accepted" / authorization).unlink()

    def hide(self, authorization):
        """Answers it with 404 and TF401019, as Azure DevOps does when it does not tell why."""
        self._mark("hidden", authorization)

    def _mark(self, folder, authorization):
        # Base64 has slashes: the value is a path as it stands.
        path = self.directory / folder / authorization
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    @property
    def https_url(self):
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def http_url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def calls(self):
        """Lines of 'STATUS METHOD URI auth=…'."""
        log = self.directory / "nginx-access.log"
        return log.read_text().splitlines() if log.exists() else []

    def close(self):
        self._nginx.close()
        self._backend.close()


def basic_password(header):
    """The password in the Authorization header that nginx logged."""
    return base64.b64decode(header.split("Basic ", 1)[1]).decode().split(":", 1)[1]


SSHD_CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
PidFile {directory}/sshd.pid
HostKey {directory}/host_rsa
HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256
PubkeyAcceptedAlgorithms {algorithms}
AuthorizedKeysFile {directory}/authorized_keys
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PermitTTY no
AllowTcpForwarding no
AllowAgentForwarding no
X11Forwarding no
ForceCommand {directory}/serve
LogLevel VERBOSE
"""

# Only reading, only below the root.
SERVE_SCRIPT = """#!/bin/sh
set -f
case "$SSH_ORIGINAL_COMMAND" in
  "git-upload-pack '"*"'") path=${{SSH_ORIGINAL_COMMAND#*\\'}}; path=${{path%\\'}} ;;
  *) echo "only git-upload-pack is served here" >&2; exit 1 ;;
esac
case "$path" in *..*) echo "no such repository" >&2; exit 1 ;; esac
exec git upload-pack --strict "{root}/${{path#/}}"
"""


def make_rsa_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "penstock-e2e", "-f",
                    str(path)], check=True, stdin=subprocess.DEVNULL)


def make_ed25519_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "penstock-e2e", "-f", str(path)], check=True,
                   stdin=subprocess.DEVNULL)


def fingerprint(path):
    """"SHA256:…" of a key, as sshd's log has it."""
    return subprocess.run(["ssh-keygen", "-l", "-f", str(path)], check=True, capture_output=True,
                          text=True).stdout.split()[1]


class GitSshServer:
    def __init__(self, directory, root, algorithms="rsa-sha2-512,rsa-sha2-256"):
        self.directory, self.root = Path(directory), Path(root)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        for name in ("host_rsa", "user_rsa", "stranger_rsa"):
            make_rsa_key(self.directory / name)
        make_ed25519_key(self.directory / "user_ed25519")
        (self.directory / "authorized_keys").write_text(
            (self.directory / "user_rsa.pub").read_text() + (self.directory / "user_ed25519.pub").read_text())
        serve = self.directory / "serve"
        serve.write_text(SERVE_SCRIPT.format(root=self.root))
        serve.chmod(serve.stat().st_mode | stat.S_IXUSR)
        configuration = self.directory / "sshd_config"
        configuration.write_text(SSHD_CONFIGURATION.format(directory=self.directory, port=self.port,
                                                          algorithms=algorithms))
        if os.geteuid() == 0:
            # sshd's privilege separation wants it; packages make it when the service starts.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._sshd = Process(["/usr/sbin/sshd", "-D", "-e", "-f", configuration], self.directory / "sshd.log",
                             env=GIT_ENVIRONMENT)
        eventually("sshd", self._ready, 10)

    def _ready(self):
        self._sshd.expect_running()
        return (self.directory / "sshd.pid").exists()

    def log(self):
        return self._sshd.log()

    @property
    def url(self):
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def private_key(self):
        return self.directory / "user_rsa"

    @property
    def strangers_key(self):
        return self.directory / "stranger_rsa"

    def known_hosts(self, host_key="host_rsa"):
        """The known_hosts line for this server; with another key's name, one that does not fit it."""
        key = (self.directory / f"{host_key}.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {key[0]} {key[1]}\n"

    def close(self):
        self._sshd.close()


def make_repository(root, organization, project, name):
    """Where Azure DevOps' URLs have it: ORGANIZATION/PROJECT/_git/NAME."""
    path = Path(root) / organization / project / "_git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Repository(path)
