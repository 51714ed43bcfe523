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


def pull_request(event, repository="shop", source=None, target=None, merge=None, source_ref="refs/heads/feature/crane",
                 target_ref="refs/heads/main", number=7, status="active", merge_status="succeeded", fork=None,
                 subscription="6f9b6d5e-4b9a-4f47-8d53-51a1a4a0c002"):
    """A git.pullrequest.EVENT of resourceVersion 1.0 with all details, a new notification each time."""
    notification = next(_numbers)
    payload = push([], repository, subscription=subscription, notification=notification)
    repository_members = payload["resource"]["repository"]
    # With user information, as real ones have it.
    repository_members["remoteUrl"] = repository_members["remoteUrl"].replace("https://", f"https://{ORGANIZATION}@")
    url = repository_members["url"]

    def commit(identifier):
        return {"commitId": identifier, "url": f"{url}/commits/{identifier}"}

    text = f"Ada Lindqvist {event} pull request {number} (Taller cranes) in {repository}"
    resource = {
        "repository": repository_members,
        "pullRequestId": number, "codeReviewId": number, "status": status,
        "createdBy": payload["resource"]["pushedBy"], "creationDate": "2026-11-20T08:15:03.1234567Z",
        "title": "Taller cranes", "description": "Größere Kräne", "sourceRefName": source_ref,
        "targetRefName": target_ref, "mergeStatus": merge_status, "isDraft": False,
        "mergeId": "d5c6b7a8-0000-4000-8000-000000000001",
        "lastMergeSourceCommit": commit(source), "lastMergeTargetCommit": commit(target),
        "reviewers": [{"reviewerUrl": None, "vote": 10, "displayName": "Bo", "uniqueName": "bo@northwind.example"}],
        "url": f"{url}/pullRequests/{number}", "supportsIterations": True,
    }
    if merge:
        resource["lastMergeCommit"] = commit(merge)
    if status != "active":
        resource["closedDate"] = "2026-11-20T09:15:03.1234567Z"
    if fork:
        resource["forkSource"] = {"name": source_ref, "repository": {
            "id": repository_id(fork), "name": fork, "project": repository_members["project"]}}
    return {**payload, "eventType": f"git.pullrequest.{event}", "resource": resource,
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{subscription}/{notification}/{event}")),
            "message": {"text": text, "html": text, "markdown": text}}


def encode(payload):
    return json.dumps(payload, ensure_ascii=False).encode()
