"""Amazon EventBridge between the sandbox's queue of CodePipeline's events and an API destination."""

import json
import threading
import time

import botocore.exceptions

from support import web

HEADERS = {"User-Agent": "Amazon/EventBridge/ApiDestinations", "Content-Type": "application/json; charset=utf-8",
           "Range": "bytes=0-1048575", "Accept-Encoding": "gzip,deflate", "Connection": "close"}


def queue(sandbox, name):
    """The URL of a new queue."""
    return sandbox.sqs.create_queue(QueueName=name)["QueueUrl"]


class EventBridge:
    """Brings each event of a queue to an address, again and again while that answers 401, 429, 5xx or nothing."""

    def __init__(self, sandbox, queue_url, destination, ca, headers, transform=lambda event: event, twice=False):
        self._sandbox, self._queue_url = sandbox, queue_url
        self._destination, self._ca, self._headers = destination, ca, {**HEADERS, **headers}
        self._transform, self._twice = transform, twice
        self.delivered, self.dropped, self.seconds, self.failed = 0, [], [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                answer = self._sandbox.sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10,
                                                           WaitTimeSeconds=1, VisibilityTimeout=5)
            except botocore.exceptions.BotoCoreError:
                continue
            for message in answer.get("Messages", []):
                if all(self._bring(json.loads(message["Body"])) for _ in range(2 if self._twice else 1)):
                    self._sandbox.sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _bring(self, event):
        """True when EventBridge is done with it."""
        began = time.monotonic()
        try:
            answer = web.request("POST", self._destination, json.dumps(self._transform(event)).encode(), self._headers,
                                 self._ca, timeout=5)
        except OSError:
            self.failed += 1
            return False
        self.seconds.append(time.monotonic() - began)
        if answer.status == 200:
            self.delivered += 1
        elif answer.status in (401, 407, 409, 429) or answer.status >= 500:
            self.failed += 1
            return False
        else:
            self.dropped.append((answer.status, event))
        return True

    def close(self):
        self._stop.set()
        self._thread.join(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
