"""The proxies that stand in front of Penstock in practice, as foreground children on unprivileged ports."""

import os
import socket
from pathlib import Path

from support.penstock import PATIENCE
from support.processes import Process, eventually, free_port

NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/client;
  fastcgi_temp_path {directory}/fastcgi;
  proxy_temp_path {directory}/proxy;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{site}
}}
"""

HAPROXY = """
global
  maxconn 256
defaults
  mode {mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{port} {front}
  default_backend penstock
backend penstock
  {options}
  server one {upstream} {server}
"""

CADDY = """
{{
  admin off
  auto_https off
}}
https://127.0.0.1:{port} {{
  bind 127.0.0.1
  tls {certificate} {private_key}
  reverse_proxy {upstream}
}}
"""


class Proxy:
    """A running proxy whose front is `url`."""

    def __init__(self, name, argv, directory, port):
        self.url = f"https://127.0.0.1:{port}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "XDG_DATA_HOME": str(directory / "data"),
                       "XDG_CONFIG_HOME": str(directory / "config")}
        self.process = Process(argv, directory / "log", env=environment, cwd=directory)

        def listening():
            self.process.expect_running()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        eventually(f"{name} listening", listening, PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.close()


def nginx(directory, upstream, certificate):
    """As the configuration that comes with Penstock has it."""
    port, file = free_port(), Path(directory) / "nginx.conf"
    site = (Path(__file__).resolve().parents[3] / "deploy/nginx.conf").read_text()
    for theirs, ours in {"127.0.0.1:8080;\n  keepalive": f"{upstream};\n  keepalive",
                         "listen 443 ": f"listen 127.0.0.1:{port} ",
                         "/etc/ssl/penstock.example.com.pem": str(certificate.certificate),
                         "/etc/ssl/penstock.example.com.key": str(certificate.private_key)}.items():
        assert theirs in site, theirs
        site = site.replace(theirs, ours)
    file.write_text(NGINX.format(directory=directory, site=site))
    return Proxy("nginx", ["/usr/sbin/nginx", "-p", directory, "-c", file, "-e", directory / "error.log"], directory, port)


def _haproxy(directory, **settings):
    port, file = free_port(), Path(directory) / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, **settings))
    return Proxy("haproxy", ["/usr/sbin/haproxy", "-db", "-f", file], directory, port)


def haproxy(directory, upstream, certificate):
    both = Path(directory) / "both.pem"
    both.write_bytes(certificate.certificate.read_bytes() + certificate.private_key.read_bytes())
    return _haproxy(directory, upstream=upstream, mode="http", front=f"ssl crt {both}", options="option forwardfor\n"
                    "  http-reuse always\n  option httpchk GET /healthz", server="check inter 500ms")


def haproxy_tcp(directory, upstream, _):
    """Passes TLS through and says with the PROXY protocol, version 2, whose connection it is; health checks are its own."""
    return _haproxy(directory, upstream=upstream, mode="tcp", front="", options="",
                    server="send-proxy-v2 check check-send-proxy inter 500ms")


def caddy(directory, upstream, certificate):
    port, file = free_port(), Path(directory) / "Caddyfile"
    file.write_text(CADDY.format(port=port, upstream=upstream, certificate=certificate.certificate,
                                 private_key=certificate.private_key))
    return Proxy("caddy", ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", file], directory, port)
