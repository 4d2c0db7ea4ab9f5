"""Tools that keep the contract: refusals begin with their code, and nothing unexpected leaks.

The SDK's own tool prefixes every error with "Error executing tool" and hands out the validator's dump; this one states
the contract's refusal instead, for arguments that fail validation as for everything the product refuses.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError

from videogen_mcp.errors import VideoGenError
from videogen_mcp.types import Json, refusal_of

logger = logging.getLogger(__name__)


class Arguments(ArgModelBase):
    """Common ground of the tools' arguments: what is not listed is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ContractTool(Tool):
    """A tool whose every failure is the contract's refusal."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002 -- the SDK's signature
        """Validate, run, and turn every expected failure into a refusal; anything else is `internal`."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            validated = self.fn_metadata.validate_arguments(given)
            result = await self.fn(context, **validated)
        except ValidationError as error:
            return refusal(refusal_of(error))
        except VideoGenError as error:
            logger.info("tool %s refused: %s", self.name, error.code)
            return refusal(error)
        except MCPError:
            raise
        except Exception:
            logger.exception("tool %s failed unexpectedly", self.name)
            return refusal(VideoGenError("Something went wrong inside the server.", fix="The server's log has more."))
        return self.fn_metadata.convert_result(result) if convert_result else result


def refusal(error: VideoGenError) -> CallToolResult:
    """A tool error whose text begins with its code."""
    return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)


Body = Callable[..., Awaitable[CallToolResult]]


def make_tool(
    body: Body,
    arguments: type[Arguments],
    output: type[BaseModel],
    *,
    name: str,
    title: str,
    description: str,
    annotations: ToolAnnotations,
    terse: bool = False,
) -> ContractTool:
    """Build a tool from its body and the models of its arguments and result.

    A terse one publishes its schemas without what another tool of the same arguments and result says already: a model
    reads all tools of a server at once.
    """
    metadata = FuncMetadata(arg_model=arguments, output_model=output)
    taken, given = slim(arguments.model_json_schema(by_alias=True)), slim(metadata.output_schema or {})
    metadata.output_schema = _shallow(given) if terse else given
    return ContractTool(
        fn=body,
        context_kwarg=None,
        name=name,
        title=title,
        description=description,
        parameters=_without_descriptions(taken) if terse else taken,
        fn_metadata=metadata,
        is_async=True,
        annotations=annotations,
    )


def _without_descriptions(schema: Json) -> Json:
    properties: dict[str, Json] = schema["properties"]
    bare = {
        name: {key: one for key, one in value.items() if key != "description"} for name, value in properties.items()
    }
    return schema | {"properties": bare}


def _shallow(schema: Json) -> Json:
    """Only the types of the top level."""
    properties: dict[str, Json] = schema["properties"]
    return {"type": "object", "properties": {name: _type_of(value) for name, value in properties.items()}}


def _type_of(schema: Json) -> Json:
    if "anyOf" in schema:
        return {"type": ["object", "null"]}
    return {"type": schema.get("type", "object")}


def slim(schema: Json) -> Json:
    """A JSON schema without what only costs a model's attention.

    Generated titles, docstrings of classes and defaults that say "nothing" go; a type that may be null is written in
    its short form.
    """
    return _slim_schema(schema)


_EMPTY: tuple[Any, ...] = ("", None, [], {})


def _slim_schema(schema: Json) -> Json:
    kept: Json = {}
    for name, value in _flat(schema).items():
        if name == "title" or (name == "description" and "properties" in schema):
            continue
        if name == "default" and value in _EMPTY:
            continue
        if name in {"properties", "$defs"}:
            kept[name] = {key: _slim_schema(one) for key, one in value.items()}
        elif name == "items" and isinstance(value, dict):
            kept[name] = _slim_schema(cast("Json", value))
        else:
            kept[name] = value
    return kept


def _flat(schema: Json) -> Json:
    """`anyOf` of one plain type and null as a list of types; null is dropped from an enum's type."""
    options: list[Json] = schema.get("anyOf", [])
    plain = [one for one in options if one != {"type": "null"}]
    if len(options) != len(plain) + 1 or len(plain) != 1 or "type" not in plain[0] or "enum" in plain[0]:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**plain[0], "type": [plain[0]["type"], "null"], **rest}
