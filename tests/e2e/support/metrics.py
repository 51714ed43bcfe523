"""What /metrics says, and the page of the docs about it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \| (.*) \|$", re.MULTILINE)

HEAD = """# Metrics

For whoever watches it: what `/metrics` (scope `metrics.read`, or everybody with `access.publicMetrics`) tells Prometheus.
This page is made from the program's own answer: `tests/e2e/test_monitoring.py` holds it to that, and writes it anew with
`PENSTOCK_WRITE_DOCS=1`. `deploy/prometheus/alerts.yaml` has alerts, `deploy/grafana/penstock.json` a dashboard.

An `outcome` or `cause` is `ok` or the kind of the error: `invalid input`, `configuration`, `unauthenticated`, `permission`, `not found`,
`conflict`, `rate limited`, `unavailable`, `timeout`, `cancelled`, `exhausted`, `corrupt`, `internal`. Counters begin at 0 with each start.

```yaml
scrape_configs:
  - job_name: penstock
    scheme: https
    authorization: {credentials_file: /etc/prometheus/penstock-token}   # a token with the scope metrics.read
    static_configs: [{targets: ["penstock.example.com:8443"]}]
```

| name | kind | labels | |
|---|---|---|---|
"""


def families(text):
    """{name: (kind, help, {label names})} of an answer in Prometheus' text format."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"# HELP (\w+) (.*)", line):
            found[match[1]] = (None, match[2], set())
        elif match := re.match(r"# TYPE (\w+) (\w+)", line):
            found[match[1]] = (match[2], found[match[1]][1], set())
        elif match := re.match(r"(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", line):
            name = match[1] if match[1] in found else re.match(r"\w+", line)[0]
            found[name][2].update(set(re.findall(r'(\w+)="', match[2] or "")) - {"le"})
    return found


def documented():
    """The same of the page."""
    return {name: (kind, text, {label.strip("` ") for label in labels.split(",")} - {""})
            for name, kind, labels, text in ROW.findall(PAGE.read_text())} if PAGE.exists() else {}


def write_page(known):
    rows = [f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in sorted(labels))} | {text} |\n"
            for name, (kind, text, labels) in sorted(known.items())]
    PAGE.write_text(HEAD + "".join(rows))


def names_in_source():
    """Every name of a metric that the program has, also those that this scenario does not bring about."""
    found = set()
    for folder in ("core", "server"):
        for file in (ROOT / folder).rglob("*.cc"):
            found |= set(re.findall(r'"(penstock_[a-z0-9_]+)"', file.read_text()))
    return found
