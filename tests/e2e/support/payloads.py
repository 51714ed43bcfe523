"""Azure DevOps service-hook deliveries, as the service sends them, about a company of our own."""

import itertools
import json
import uuid

from support.repositories import ZERO_ID

ORGANIZATION = "northwind"
PROJECT = "Harbour Works"
TEST_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"

_numbers = itertools.count(1)


def repository_id(name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{ORGANIZATION}/{PROJECT}/{name}"))


def ref_update(ref, new, old=ZERO_ID):
    name = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    return {"name": name, "oldObjectId": old, "newObjectId": new}


def push(updates, repository="shop", push_id=None, subscription="6f9b6d5e-4b9a-4f47-8d53-51a1a4a0c001", notification=None):
    """A git.push of resourceVersion 1.0 with all details. Without numbers it is a new push and a new notification."""
    number = next(_numbers)
    push_id = push_id if push_id is not None else 1000 + number
    notification = notification if notification is not None else number
    base = f"https://dev.azure.com/{ORGANIZATION}/"
    project_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{ORGANIZATION}/{PROJECT}"))
    repository_url = f"{base}_apis/git/repositories/{repository_id(repository)}"
    text = f"Ada Lindqvist pushed updates to {repository}"
    return {
        "subscriptionId": subscription,
        "notificationId": notification,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{subscription}/{notification}/{push_id}")),
        "eventType": "git.push",
        "publisherId": "tfs",
        "message": {"text": text, "html": text, "markdown": text},
        "detailedMessage": None,
        "resource": {
            "commits": [{
                "commitId": update["newObjectId"],
                "author": {"name": "Ada Lindqvist", "email": "ada@northwind.example", "date": "2026-11-20T08:15:00Z"},
                "committer": {"name": "Ada Lindqvist", "email": "ada@northwind.example", "date": "2026-11-20T08:15:00Z"},
                "comment": "Größe der Kaimauer übernommen",
                "url": f"{repository_url}/commits/{update['newObjectId']}",
            } for update in updates if update["newObjectId"] != ZERO_ID],
            "refUpdates": list(updates),
            "repository": {
                "id": repository_id(repository),
                "name": repository,
                "url": repository_url,
                "project": {"id": project_id, "name": PROJECT, "url": f"{base}_apis/projects/{project_id}",
                            "state": "wellFormed", "visibility": "private",
                            "lastUpdateTime": "0001-01-01T00:00:00"},
                "defaultBranch": "refs/heads/main",
                "remoteUrl": f"{base}Harbour%20Works/_git/{repository}",
            },
            "pushedBy": {"displayName": "Ada Lindqvist", "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "ada")),
                         "uniqueName": "ada@northwind.example", "descriptor": "aad.QWRh"},
            "pushId": push_id,
            "date": "2026-11-20T08:15:03.1234567Z",
            "url": f"{repository_url}/pushes/{push_id}",
        },
        "resourceVersion": "1.0",
        "resourceContainers": {"collection": {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, ORGANIZATION)), "baseUrl": base},
                               "project": {"id": project_id, "baseUrl": base}},
        "createdDate": "2026-11-20T08:15:05.7654321Z",
    }


def encode(payload):
    return json.dumps(payload, ensure_ascii=False).encode()
