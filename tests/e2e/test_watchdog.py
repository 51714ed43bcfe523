"""An execution whose source job nobody is given is stopped, with a reason, instead of waiting a day."""

from support import payloads
from support.penstock import webhook
from support.processes import eventually


def test_unclaimed_job_is_stopped(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_action_type("Queryable", queryable="PipelineName")
    sandbox.create_pipeline("unclaimed", "main", repository.name, "Queryable", configuration={"PipelineName": "unclaimed"})
    sandbox.create_pipeline("claimed", "main", repository.name, "Queryable", configuration={"PipelineName": "claimed"})
    penstock = make_penstock([webhook("unclaimed", "unclaimed"), webhook("claimed", "claimed")], unclaimedJobTimeout="4s")
    worker = penstock.configuration["workers"][0]
    worker["actionType"]["provider"] = "Queryable"
    worker["queryParam"] = {"PipelineName": ["claimed"]}
    penstock.write_configuration()
    penstock.start()

    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    triggers = {t["pipeline"]: t for t in penstock.started(answer["deliveryId"], 2)}
    claimed = sandbox.finished_action("claimed", triggers["claimed"]["pipelineExecutionId"])
    assert claimed["status"] == "Succeeded", claimed

    def stopped():
        execution, = sandbox.executions("unclaimed")
        return execution if execution["status"] == "Stopped" else None
    execution = eventually("the unclaimed execution to be stopped", stopped)
    assert execution["pipelineExecutionId"] == triggers["unclaimed"]["pipelineExecutionId"]
    action = sandbox.action("unclaimed", execution["pipelineExecutionId"])
    assert action["status"] == "Abandoned", action
    state = sandbox.codepipeline.get_pipeline_execution(
        pipelineName="unclaimed", pipelineExecutionId=execution["pipelineExecutionId"])["pipelineExecution"]
    assert "claim" in str(execution.get("stopTrigger")) + str(state), (execution, state)
    assert sandbox.executions("claimed")[0]["status"] == "Succeeded"
