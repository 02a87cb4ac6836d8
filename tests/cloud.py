"""An AWS to deploy to: moto in its own process, with a CloudFormation, a Lambda and an IAM that do what AWS's do.

- CloudFormation is tests/formation.py.
- Lambda runs the very zip that it was given, under AWS's runtime client (tests/lambda_runtime.py), with the function's
  own variables and the keys of its own role. SPOTIFY_* of this process tell where Spotify is.
- IAM holds every request that is signed with a role's keys to that role's policies, resource by resource; a person's
  keys may do everything.

`python -m tests.cloud FOLDER` works in that folder and prints its address.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto import settings
from moto.apigateway.models import APIGatewayBackend
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.cloudformation import urls
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from moto.scheduler.responses import EventBridgeSchedulerResponse
from moto.sqs.responses import SQSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.serving import make_server

from tests.aws import Aws
from tests.formation import Formation
from tests.lambda_runtime import running, runtime_folder

_HELD_TO_POLICIES = ActionAuthenticatorMixin._authenticate_and_authorize_action


# The calls whose name is not that of their action.
_ACTIONS = {
    "Invoke": "InvokeFunction",
    "SendMessageBatch": "SendMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


class Runner:
    """Runs functions where moto would start a container."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        (folder / "runtime").mkdir()
        self._runtime = runtime_folder(folder / "runtime")

    def invoke(self, function: LambdaFunction, event: Any) -> tuple[str, bool, str]:
        """The answer or the error as JSON, whether it is an error, and what was logged."""
        # One function can start another while it runs.
        log = self._folder / f"{next(self._numbers)}.log"
        facts = {
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        }
        facts |= dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), function.region)
        around = {name: value for name, value in os.environ.items() if name.startswith(("SPOTIFY_", "AWS_ENDPOINT"))}
        keys = Aws(os.environ["AWS_ENDPOINT_URL"]).keys_of(function.role)
        variables = facts | around | function.environment_vars | keys
        with running(self._unpacked(function), self._runtime, function.handler, variables, log) as one:
            found = one.invoke(event if isinstance(event, dict) else {}, function.timeout)
        text = log.read_text()
        function.logs_backend.ensure_log_group(function.logs_group_name)
        function.save_logs(text)
        return json.dumps(found.error or found.answer), found.error is not None, text

    def _unpacked(self, function: LambdaFunction) -> Path:
        folder = self._folder / hashlib.sha256(function.code_bytes).hexdigest()[:16]
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                archive.extractall(folder)
        return folder


def _held_to_policies(self: Any, iam_request_cls: type, resource: str = "*") -> None:
    def request(action: str, **facts: Any) -> Any:
        return iam_request_cls(action=_ACTIONS.get(action, action), **facts)

    if "X-Amz-Security-Token" in self.headers:
        _HELD_TO_POLICIES(self, request, resource)  # type: ignore[arg-type]


def _parameter(self: Any) -> str:
    return f"arn:aws:ssm:{self.region}:{self.current_account}:parameter{self._get_param('Name')}"


def _function(self: Any) -> str:
    name = unquote(self.path).split("/functions/")[-1].split("/")[0]
    return f"arn:aws:lambda:{self.region}:{self.current_account}:function:{name}"


def _queue(self: Any) -> str:
    name = self._get_param("QueueName") or (self._get_param("QueueUrl") or "").rsplit("/", 1)[-1]
    return f"arn:aws:sqs:{self.region}:{self.current_account}:{name}"


def _schedule(self: Any) -> str:
    name = unquote(self.path).rsplit("/", 1)[-1]
    return f"arn:aws:scheduler:{self.region}:{self.current_account}:schedule/default/{name}"


def _permitted(answer: Callable[[Any], Any], action: str) -> Callable[[Any], Any]:
    def answer_who_may_ask(self: Any) -> Any:
        self.data["Action"] = action
        self._authenticate_and_authorize_s3_action(bucket_name=self.bucket_name)
        return answer(self)

    return answer_who_may_ask


def _import_rest_api(self: Any, api_doc: dict[str, Any], fail_on_warnings: bool) -> Any:
    """moto imports OpenAPI 3 only and Chalice sends Swagger 2, so the API is made without its routes."""
    return self.create_rest_api(name=api_doc["info"]["title"], description="")


def _create_deployment(self: Any, function_id: str, name: str, *facts: Any) -> Any:
    """moto refuses to deploy an API without routes."""
    return self.get_rest_api(function_id).create_deployment(name, "")


def improve_moto(folder: Path) -> None:
    """Put in what moto lacks."""
    runner = Runner(folder)
    LambdaFunction._invoke_lambda = lambda self, event=None: runner.invoke(self, event)  # type: ignore[method-assign]
    urls.url_paths["{0}/$"] = Formation.dispatch
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin._authenticate_and_authorize_action = _held_to_policies  # type: ignore[method-assign]
    # Without these, moto asks whether the action may be done to everything ("*").
    SimpleSystemManagerResponse._determine_resource = _parameter  # type: ignore[attr-defined]
    LambdaResponse._determine_resource = _function  # type: ignore[attr-defined]
    SQSResponse._determine_resource = _queue  # type: ignore[attr-defined]
    EventBridgeSchedulerResponse._determine_resource = _schedule  # type: ignore[attr-defined]
    for method, action in {
        "get_public_access_block": "GetBucketPublicAccessBlock",
        "get_bucket_encryption": "GetEncryptionConfiguration",
        "get_bucket_versioning": "GetBucketVersioning",
    }.items():
        setattr(S3Response, method, _permitted(getattr(S3Response, method), action))
    APIGatewayBackend.import_rest_api = _import_rest_api  # type: ignore[method-assign]
    APIGatewayBackend.create_deployment = _create_deployment  # type: ignore[method-assign]
    # moto takes no notice of a bucket policy's conditions: one that refuses what comes without TLS refuses everything.
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL  # type: ignore[method-assign]


def main() -> None:
    improve_moto(Path(sys.argv[1]))
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    address = f"http://127.0.0.1:{server.server_port}"
    os.environ |= Aws(address).variables | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    print(address, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
