"""What is an HTTP/1.1 request and what is not, byte by byte: RFC 9110, RFC 9112.

A request that two programs could understand differently must be refused and the connection closed, so that what follows
it on the same connection is never taken for a request of its own.
"""

import json
import time

import pytest

from support import payloads
from support.penstock import HOOK_PASSWORD, basic, webhook
from support.raw import Ended, RawConnection

LIMIT = 256 << 10  # server.maxBodyBytes here
HOST = "Host: penstock.example\r\n"
AUTHORIZATION = f"Authorization: {basic('azure', HOOK_PASSWORD)}\r\nContent-Type: application/json\r\n"
GET = f"GET /healthz HTTP/1.1\r\n{HOST}"
POST = f"POST /hooks/azure-devops HTTP/1.1\r\n{HOST}{AUTHORIZATION}"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
# What a smuggled request would look like.
FOLLOWING = f"GET /healthz HTTP/1.1\r\n{HOST}X-Smuggled: yes\r\n\r\n"


@pytest.fixture
def penstock(make_penstock):
    return make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})],
                         server={"tls": None, "maxBodyBytes": f"{LIMIT >> 10}KiB"}).start()


@pytest.fixture
def tls_penstock(make_penstock):
    return make_penstock([], server={"maxBodyBytes": f"{LIMIT >> 10}KiB"}).start()


def a_body(pad=0):
    return payloads.encode({**payloads.push([payloads.ref_update("main", "0f" * 20)]), "pad": "x" * pad})


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


# name -> request that must be refused with 400
REFUSED = {
    # Where does the body end?
    "length and chunked": POST + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "chunked and length": POST + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
    "two lengths that differ": POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}\n",
    "list of lengths that differ": POST + "Content-Length: 2, 3\r\n\r\n{}\n",
    "length and nothing": POST + "Content-Length: 2,\r\n\r\n{}",
    "empty length": POST + "Content-Length:\r\n\r\n",
    "length with a plus": POST + "Content-Length: +2\r\n\r\n{}",
    "negative length": POST + "Content-Length: -2\r\n\r\n{}",
    "hexadecimal length": POST + "Content-Length: 0x2\r\n\r\n{}",
    "length with a blank inside": POST + "Content-Length: 1 2\r\n\r\n{}",
    "length with a fraction": POST + "Content-Length: 2.0\r\n\r\n{}",
    "length that overflows": POST + "Content-Length: 18446744073709551618\r\n\r\n{}",
    "length that overflows by far": POST + "Content-Length: 9" + "0" * 60 + "\r\n\r\n{}",
    "length in Arabic digits": POST.encode() + "Content-Length: ٢\r\n\r\n{}".encode(),
    "chunked and then another": POST + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked on two lines": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and identity on two lines":
        POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "empty transfer encoding": POST + "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "quoted chunked": POST + 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked after a vertical tab": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked with a NUL": POST + "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": f"POST /hooks/azure-devops HTTP/1.0\r\n{HOST}{AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n"
                           "0\r\n\r\n",
    # Where does a line end, what is a header?
    "line feed alone after the request line": f"GET /healthz HTTP/1.1\n{HOST}\r\n",
    "line feed alone after a header": f"GET /healthz HTTP/1.1\r\n{HOST}X-A: b\nX-C: d\r\n\r\n",
    "line feeds alone everywhere": "GET /healthz HTTP/1.1\nHost: a\n\n",
    "line feed alone at the end": GET + "\n",
    "carriage return inside a value": GET + "X-A: b\rX-C: d\r\n\r\n",
    "carriage return inside the request line": f"GET /healthz\r HTTP/1.1\r\n{HOST}\r\n",
    "two carriage returns": GET + "X-A: b\r\r\n\r\n",
    "folded header": GET + "X-A: b\r\n c\r\n\r\n",
    "folded header with a tab": GET + "X-A: b\r\n\tc\r\n\r\n",
    "folded framing": POST + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "blank before the first header": f"GET /healthz HTTP/1.1\r\n {HOST}\r\n",
    "line of blanks": f"GET /healthz HTTP/1.1\r\n{HOST} \r\n\r\n",
    "blank before the colon": GET + "X-A : b\r\n\r\n",
    "tab before the colon": GET + "X-A\t: b\r\n\r\n",
    "blank before the colon of framing": POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "length with a blank before its colon": POST + "Content-Length : 2\r\n\r\n{}",
    "header without a colon": GET + "X-A\r\n\r\n",
    "header without a name": GET + ": b\r\n\r\n",
    "brackets in a name": GET + "X[A]: b\r\n\r\n",
    "blank inside a name": GET + "X A: b\r\n\r\n",
    "name beyond ASCII": GET.encode() + "X-Å: b\r\n\r\n".encode(),
    "NUL in a name": GET + "X\0A: b\r\n\r\n",
    "NUL in a value": GET + "X-A: b\0c\r\n\r\n",
    "control character in a value": GET + "X-A: b\x01c\r\n\r\n",
    "DEL in a value": GET + "X-A: b\x7fc\r\n\r\n",
    # Whose server is asked?
    "no Host": "GET /healthz HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two Hosts": GET + "Host: other.example\r\n\r\n",
    "two equal Hosts": GET + HOST + "\r\n",
    "Host with a path": "GET /healthz HTTP/1.1\r\nHost: penstock.example/x\r\n\r\n",
    "Host with a user": "GET /healthz HTTP/1.1\r\nHost: a@penstock.example\r\n\r\n",
    "Host with a blank": "GET /healthz HTTP/1.1\r\nHost: penstock example\r\n\r\n",
    "Host with a word as port": "GET /healthz HTTP/1.1\r\nHost: penstock.example:http\r\n\r\n",
    "list of Hosts": "GET /healthz HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
    # The request line
    "two blanks after the method": f"GET  /healthz HTTP/1.1\r\n{HOST}\r\n",
    "two blanks before the version": f"GET /healthz  HTTP/1.1\r\n{HOST}\r\n",
    "tab in the request line": f"GET\t/healthz\tHTTP/1.1\r\n{HOST}\r\n",
    "blank before the method": f" GET /healthz HTTP/1.1\r\n{HOST}\r\n",
    "blank after the version": f"GET /healthz HTTP/1.1 \r\n{HOST}\r\n",
    "blank in the target": f"GET /health z HTTP/1.1\r\n{HOST}\r\n",
    "no target": f"GET HTTP/1.1\r\n{HOST}\r\n",
    "no version": f"GET /healthz\r\n{HOST}\r\n",
    "version in lower case": f"GET /healthz http/1.1\r\n{HOST}\r\n",
    "version of two digits": f"GET /healthz HTTP/1.10\r\n{HOST}\r\n",
    "version without a dot": f"GET /healthz HTTP/11\r\n{HOST}\r\n",
    "other protocol": f"GET /healthz ICAP/1.0\r\n{HOST}\r\n",
    "method with a slash": f"GE/T /healthz HTTP/1.1\r\n{HOST}\r\n",
    "target without a slash": f"GET healthz HTTP/1.1\r\n{HOST}\r\n",
    "target with a fragment": f"GET /healthz#x HTTP/1.1\r\n{HOST}\r\n",
    "NUL in the target": f"GET /heal\0thz HTTP/1.1\r\n{HOST}\r\n",
    "target beyond ASCII": f"GET /å HTTP/1.1\r\n{HOST}\r\n".encode(),
    "broken percent-encoding": f"GET /healthz%2 HTTP/1.1\r\n{HOST}\r\n",
    "asterisk with GET": f"GET * HTTP/1.1\r\n{HOST}\r\n",
    # Chunks
    "chunk size with 0x": CHUNKED + "0x2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a plus": CHUNKED + "+2\r\n{}\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + "-2\r\n{}\r\n0\r\n\r\n",
    "blank before a chunk size": CHUNKED + " 2\r\n{}\r\n0\r\n\r\n",
    "blank after a chunk size": CHUNKED + "2 \r\n{}\r\n0\r\n\r\n",
    "underscore in a chunk size": CHUNKED + "0_2\r\n{}\r\n0\r\n\r\n",
    "empty chunk size": CHUNKED + "\r\n{}\r\n0\r\n\r\n",
    "chunk size that is a word": CHUNKED + "two\r\n{}\r\n0\r\n\r\n",
    "chunk size that overflows": CHUNKED + "10000000000000002\r\n{}\r\n0\r\n\r\n",
    "line feed alone after a chunk size": CHUNKED + "2\n{}\r\n0\r\n\r\n",
    "carriage return alone after a chunk size": CHUNKED + "2\r{}\r\n0\r\n\r\n",
    "line feed alone after a chunk": CHUNKED + "2\r\n{}\n0\r\n\r\n",
    "line feed in a chunk extension": CHUNKED + "2;a=\n\r\n{}\r\n0\r\n\r\n",
    "NUL in a chunk extension": CHUNKED + "2;a=\0\r\n{}\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + "1\r\n{}\r\n0\r\n\r\n",
    "chunk without its end": CHUNKED + "2\r\n{}0\r\n\r\n",
    "line feed alone after the last chunk": CHUNKED + "2\r\n{}\r\n0\n\n",
    "trailer without a colon": CHUNKED + "2\r\n{}\r\n0\r\ntrailer\r\n\r\n",
    "trailer with a blank before the colon": CHUNKED + "2\r\n{}\r\n0\r\nA : b\r\n\r\n",
}


def refusal(url, request, statuses, ca=None):
    """What is wrong with how a request was refused; nothing when all is well."""
    with RawConnection(url, ca) as connection:
        connection.send(as_bytes(request) + as_bytes(FOLLOWING))
        try:
            answer = connection.read()
        except Ended:
            return "closed without an answer"
        except TimeoutError:
            return "not answered"
        if answer.status not in statuses:
            return f"answered {answer.status}"
        if (answer.header("connection") or "").lower() != "close":
            return f"answered {answer.status} without Connection: close"
        if not connection.ended():
            return f"answered {answer.status} and not closed, or answered what followed"
    return None


def test_ambiguous_requests_are_refused(penstock):
    problems = {name: problem for name, request in REFUSED.items()
                if (problem := refusal(penstock.url, request, {400}))}
    assert not problems, problems
    assert penstock.request("GET", "/healthz").status == 200
    # Nothing of all that reached the history.
    assert all(d["outcome"] == "rejected" for d in penstock.all("deliveries"))


def test_ambiguous_requests_are_refused_over_tls(tls_penstock):
    names = list(REFUSED)[::7]
    problems = {name: problem for name in names
                if (problem := refusal(tls_penstock.url, REFUSED[name], {400}, tls_penstock.ca))}
    assert not problems, problems


# name -> (statuses, request); none of these can be read further
UNREADABLE = {
    "unknown transfer coding": ({501}, POST + "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    "unknown transfer coding of one's own": ({501}, POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "tunnel": ({400, 405, 501}, f"CONNECT penstock.example:443 HTTP/1.1\r\n{HOST}\r\n"),
    "HTTP/2.0": ({505}, f"GET /healthz HTTP/2.0\r\n{HOST}\r\n"),
    "HTTP/0.9 by its number": ({400, 505}, f"GET /healthz HTTP/0.9\r\n{HOST}\r\n"),
    "HTTP/3.0": ({505}, f"GET /healthz HTTP/3.0\r\n{HOST}\r\n"),
    "preface of HTTP/2": ({400, 505}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "unknown expectation": ({417}, POST + "Content-Length: 2\r\nExpect: 200-maybe\r\n\r\n{}"),
    "long target": ({414}, f"GET /{'a' * 20_000} HTTP/1.1\r\n{HOST}\r\n"),
    "very long target": ({414}, f"GET /{'a' * 500_000} HTTP/1.1\r\n{HOST}\r\n"),
    "endless method": ({400, 501}, "A" * 100_000),
    "long header": ({431}, GET + f"X-A: {'a' * 100_000}\r\n\r\n"),
    "long header name": ({431}, GET + f"X-{'a' * 100_000}: b\r\n\r\n"),
    "many headers": ({431}, GET + "".join(f"X-{n}: {n}\r\n" for n in range(2000)) + "\r\n"),
    "endless header": ({431}, GET + "X-A: " + "a" * 1_000_000),
    "large body by its length": ({413}, POST + f"Content-Length: {LIMIT + 1}\r\n\r\n"),
    "huge body by its length": ({413}, POST + "Content-Length: 9000000000000000000\r\n\r\n"),
    "large chunk": ({413}, CHUNKED + f"{LIMIT + 1:x}\r\n"),
    "large body in chunks": ({413}, CHUNKED + f"{LIMIT // 4:x}\r\n{'x' * (LIMIT // 4)}\r\n" * 5),
    "endless chunk extension": ({400, 413, 431}, CHUNKED + "2;a=" + "a" * 200_000),
    "endless trailers": ({400, 413, 431}, CHUNKED + "2\r\n{}\r\n0\r\n" + "X-A: b\r\n" * 50_000),
}


def test_what_is_too_much_or_unknown(penstock):
    problems = {name: problem for name, (statuses, request) in UNREADABLE.items()
                if (problem := refusal(penstock.url, request, statuses))}
    assert not problems, problems


def answers(url, requests, methods=None, ca=None):
    """What comes for requests that are sent in one go."""
    with RawConnection(url, ca) as connection:
        connection.send(as_bytes(requests) if isinstance(requests, str) else b"".join(map(as_bytes, requests)))
        return [connection.read(method) for method in methods or ["GET"]]


def test_unusual_requests_that_are_valid(penstock):
    body = a_body()
    half = len(body) // 2
    pieces = [body[:half], body[half:]]
    valid = {
        "blank line before the request": "\r\n" + GET + "\r\n",
        "higher minor version": f"GET /healthz HTTP/1.2\r\n{HOST}\r\n",
        "blanks around a value": GET + "X-A: \t b \t \r\n\r\n",
        "value beyond ASCII": (GET + "X-A: ").encode() + b"\xe9\xff\r\n\r\n",
        "empty value": GET + "X-A:\r\n\r\n",
        "header names in any case": f"GET /healthz HTTP/1.1\r\nhOST: a\r\n\r\n",
        "Host with a port": "GET /healthz HTTP/1.1\r\nHost: penstock.example:8443\r\n\r\n",
        "Host that is an IPv6 address": "GET /healthz HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n",
        "every character of a name": GET + "!#$%&'*+-.^_`|~0aZ: b\r\n\r\n",
        "absolute target": f"GET http://penstock.example/healthz HTTP/1.1\r\n{HOST}\r\n",
        "absolute target elsewhere": f"GET https://other.example:1/healthz HTTP/1.1\r\n{HOST}\r\n",
        "query": f"GET /healthz?a=b&c=%20 HTTP/1.1\r\n{HOST}\r\n",
        "length": (POST + f"Content-Length: {len(body)}\r\n\r\n").encode() + body,
        "length with zeros in front": (POST + f"Content-Length: 000{len(body)}\r\n\r\n").encode() + a_body(),
        "chunks": CHUNKED.encode() + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n",
        "chunk sizes in capitals with zeros": CHUNKED.encode() + b"000%X\r\n%s\r\n0000\r\n\r\n" % (len(body), body),
        "chunk extensions": CHUNKED.encode() + b'%x;a;b=c;d="e f"\r\n%s\r\n0;g\r\n\r\n' % (len(body), body),
        "trailers": CHUNKED.encode() + b"%x\r\n%s\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n" % (len(body), body),
        "coding in capitals": (POST + "Transfer-Encoding: CHUNKED\r\n\r\n").encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (
            len(body), body),
    }
    problems = {}
    for name, request in valid.items():
        # A second request shows that the end of the first was seen where it is.
        try:
            found = [a.status for a in answers(penstock.url, [request, FOLLOWING], ["GET", "GET"])]
        except (Ended, TimeoutError) as error:
            found = repr(error)
        if found != [200, 200]:
            problems[name] = found
    assert not problems, problems


def test_bytes_that_arrive_one_by_one(penstock):
    body = a_body()
    request = (POST + f"Content-Length: {len(body)}\r\n\r\n").encode() + body[:50]
    chunked = CHUNKED.encode() + b"%x\r\n%s\r\n0\r\nX-A: b\r\n\r\n" % (len(body), body)
    with RawConnection(penstock.url) as connection:
        for byte in request:
            connection.send(bytes([byte]))
        connection.send(body[50:])
        assert connection.read().status == 200
        for begin in range(0, len(chunked), 3):
            connection.send(chunked[begin:begin + 3])
        assert connection.read().status == 200


def test_pipelined_requests_are_answered_in_order(penstock):
    bodies = [a_body() for _ in range(20)]
    requests = []
    for number, body in enumerate(bodies):
        requests += [(POST + f"Content-Length: {len(body)}\r\n\r\n").encode() + body,
                     f"GET /nothing-{number} HTTP/1.1\r\n{HOST}\r\n"]
    found = answers(penstock.url, requests, ["POST", "GET"] * len(bodies))
    assert [a.status for a in found] == [200, 404] * len(bodies)
    stored = [d["id"] for d in penstock.all("deliveries")]
    assert [json.loads(a.body)["deliveryId"] for a in found[::2]] == stored[::-1]


def test_connections_end_when_they_should(penstock):
    for request, ends in {
        GET + "\r\n": False,
        GET + "Connection: close\r\n\r\n": True,
        GET + "Connection: X-A, Close\r\nX-A: b\r\n\r\n": True,
        GET + "Connection: keep-alive\r\n\r\n": False,
        "GET /healthz HTTP/1.0\r\n\r\n": True,
        "GET /healthz HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n": False,
    }.items():
        with RawConnection(penstock.url) as connection:
            connection.send(request.encode())
            answer = connection.read()
            assert answer.status == 200, request
            closing = (answer.header("connection") or "").lower() == "close"
            assert closing == ends, (request, answer.headers)
            if ends:
                assert connection.ended(), request
            else:
                connection.send(FOLLOWING.encode())
                assert connection.read().status == 200, request
    # A client that has finished sending still gets its answer.
    with RawConnection(penstock.url) as connection:
        connection.send((GET + "\r\n").encode())
        connection.finish()
        assert connection.read().status == 200
        assert connection.ended()


def test_expect_100_continue(penstock):
    body = a_body()
    with RawConnection(penstock.url) as connection:
        for _ in range(3):
            connection.send((POST + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n").encode())
            assert connection.read().status == 100
            connection.send(body)
            assert connection.read().status == 200
        # The body may come without waiting; then 100 is not needed, but allowed.
        connection.send((POST + f"Content-Length: {len(body)}\r\nExpect: 100-Continue\r\n\r\n").encode() + body)
        answer = connection.read()
        assert (connection.read() if answer.status == 100 else answer).status == 200
    with RawConnection(penstock.url) as connection:
        connection.send((POST + f"Content-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n").encode())
        assert connection.read().status == 413  # and no 100 before it
        assert connection.ended()
    with RawConnection(penstock.url) as connection:
        connection.send((POST + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n").replace(
            "HTTP/1.1", "HTTP/1.0").encode() + body)
        assert connection.read().status == 200  # HTTP/1.0 knows no 100


def test_head_and_options(penstock):
    for target in ("/healthz", "/openapi.json", "/nothing", "/api/v1/deliveries"):
        with RawConnection(penstock.url) as connection:
            connection.send(f"GET {target} HTTP/1.1\r\n{HOST}\r\n".encode())
            got = connection.read()
            connection.send((f"HEAD {target} HTTP/1.1\r\n{HOST}\r\n" + FOLLOWING).encode())
            head = connection.read("HEAD")
            assert head.status == got.status, target
            assert head.header("content-type") == got.header("content-type")
            if head.header("content-length") is not None:
                assert head.header("content-length") == str(len(got.body)), target
            assert connection.read().status == 200, "the answer to HEAD had a body"
    for target, methods in {"/healthz": {"GET", "HEAD", "OPTIONS"}, "/hooks/azure-devops": {"POST", "OPTIONS"}}.items():
        answer, following = answers(penstock.url, [f"OPTIONS {target} HTTP/1.1\r\n{HOST}\r\n", FOLLOWING], ["OPTIONS", "GET"])
        assert answer.status in (200, 204) and following.status == 200, target
        assert {m.strip() for m in answer.header("allow").split(",")} == methods, target
    answer, following = answers(penstock.url, [f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", FOLLOWING], ["OPTIONS", "GET"])
    assert answer.status in (200, 204) and following.status == 200


def test_wrong_methods_name_the_right_ones(penstock):
    for method, target, allowed in [("POST", "/healthz", "GET"), ("DELETE", "/healthz", "GET"), ("PUT", "/readyz", "GET"),
                                    ("GET", "/hooks/azure-devops", "POST"), ("PUT", "/hooks/azure-devops", "POST"),
                                    ("PATCH", "/api/v1/deliveries", "GET"), ("BREW", "/healthz", "GET")]:
        length = "Content-Length: 2\r\n\r\n{}" if method in ("POST", "PUT", "PATCH") else "\r\n"
        with RawConnection(penstock.url) as connection:
            connection.send(as_bytes(f"{method} {target} HTTP/1.1\r\n{HOST}{length}{FOLLOWING}"))
            answer = connection.read(method)
            # It may end the connection instead of reading a body that nobody wants.
            assert answer.header("connection") == "close" or connection.read().status == 200, (method, target)
        assert answer.status == 405 or (method == "BREW" and answer.status == 501), (method, target, answer.status)
        if answer.status == 405:
            assert allowed in [m.strip() for m in answer.header("allow").split(",")], (method, target)
    answer, = answers(penstock.url, f"TRACE /healthz HTTP/1.1\r\n{HOST}X-Secret: 1\r\n\r\n")
    assert answer.status in (405, 501) and b"X-Secret" not in answer.body


def test_answers_carry_what_they_must(penstock):
    answer, = answers(penstock.url, GET + "\r\n")
    date = time.strptime(answer.header("date"), "%a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(date) - time.mktime(time.gmtime())) < 30
    assert answer.header("content-length") == str(len(answer.body)) and answer.header("content-type")
    for request in (f"GET /nothing HTTP/1.1\r\n{HOST}\r\n", f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"):
        answer, = answers(penstock.url, request)
        assert answer.header("content-type") == "application/problem+json", answer
        assert answer.header("x-request-id") and answer.header("date")


def test_requests_that_never_end(penstock):
    """Half a head, half a body: 408 after a while, and nothing is stored."""
    unfinished = {
        "head": GET + "X-A: b",
        "request line": "GET /health",
        "body": POST + "Content-Length: 100\r\n\r\n{",
        "chunk": CHUNKED + "64\r\n{",
        "chunks": CHUNKED + "2\r\n{}\r\n",
    }
    open_ones = {}
    try:
        for name, request in unfinished.items():
            open_ones[name] = RawConnection(penstock.url)
            open_ones[name].send(request.encode())
        deadline = time.monotonic() + 60
        problems = {}
        for name, connection in open_ones.items():
            try:
                answer = connection.read(timeout=max(1.0, deadline - time.monotonic()))
                if answer.status != 408 or not connection.ended():
                    problems[name] = answer
            except (Ended, TimeoutError) as error:
                problems[name] = repr(error)
    finally:
        for connection in open_ones.values():
            connection.close()
    assert not problems, problems
    assert penstock.all("deliveries") == []
