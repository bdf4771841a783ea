"""Makes the protocol code from `model.proto` and keeps the promise that the protocol only grows.

The snapshot `tests/serving/proto_v1.json` lists every message, field and method that a release may rely on. A change
that removes or alters one is refused, so that neighbouring releases understand each other during a rollout.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet
from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
PROTO = "service/serving/proto/model.proto"
GENERATED = ("service/serving/proto/model_pb2.py", "service/serving/proto/model_pb2.pyi")
SNAPSHOT = ROOT / "tests/serving/proto_v1.json"

Shape = dict[str, dict[str, list[object]]]


class ProtocError(Exception):
    """The protocol compiler refused the file; its message is on standard error."""


def compile_to(folder: Path) -> None:
    """Write the generated modules below `folder`, at the paths of GENERATED.

    Raises:
        ProtocError: the file is not valid.
    """
    _protoc(f"--python_out={folder}", f"--pyi_out={folder}")


def shape() -> Shape:
    """What `model.proto` promises now.

    Returns:
        message -> field -> [number, type, label, oneof]; the entry `service NAME` holds method -> [request, reply].
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.pb"
        _protoc(f"--descriptor_set_out={out}")
        files = FileDescriptorSet.FromString(out.read_bytes())
    found: Shape = {}
    for file in files.file:
        for message in file.message_type:
            _add_message(found, message, "")
        for service in file.service:
            found[f"service {service.name}"] = {
                method.name: [method.input_type, method.output_type, method.client_streaming, method.server_streaming]
                for method in service.method
            }
    return found


def broken(promised: Shape, now: Shape) -> list[str]:
    """What an older release relies on and would no longer find, one line each; empty when nothing shrank."""
    lines = [
        f"{owner}.{name}: was {was}, is {now.get(owner, {}).get(name)}"
        for owner, entries in promised.items()
        for name, was in entries.items()
        if now.get(owner, {}).get(name) != was
    ]
    for owner, entries in now.items():
        numbers = {was[0]: name for name, was in promised.get(owner, {}).items()}
        lines += [
            f"{owner}.{name}: number {is_now[0]} belongs to {numbers[is_now[0]]}"
            for name, is_now in entries.items()
            if not owner.startswith("service ") and numbers.get(is_now[0], name) != name
        ]
    return lines


def load_snapshot() -> Shape:
    """The promise of earlier releases; empty before the first."""
    loaded: Shape = json.loads(SNAPSHOT.read_text("utf-8")) if SNAPSHOT.exists() else {}
    return loaded


def main() -> int:
    """Write the generated code and the grown snapshot; 1 and no change when the protocol has shrunk."""
    now = shape()
    lines = broken(load_snapshot(), now)
    if lines:
        print("The protocol only grows; this change breaks older releases:", *lines, sep="\n  ", file=sys.stderr)
        return 1
    compile_to(ROOT)
    SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
    SNAPSHOT.write_text(_dump(now), "utf-8")
    return 0


def _dump(now: Shape) -> str:
    """JSON with one line a field, so that a diff shows what was added."""
    messages = []
    for owner in sorted(now):
        fields = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in now[owner].items())
        messages.append(f"  {json.dumps(owner)}: {{\n{fields}\n  }}" if fields else f"  {json.dumps(owner)}: {{}}")
    return "{\n" + ",\n".join(messages) + "\n}\n"


def _add_message(found: Shape, message: DescriptorProto, prefix: str) -> None:
    found[prefix + message.name] = {field.name: _promise(message, field) for field in message.field}
    for nested in message.nested_type:
        _add_message(found, nested, f"{prefix}{message.name}.")


def _promise(message: DescriptorProto, field: FieldDescriptorProto) -> list[object]:
    kind = field.type_name or FieldDescriptorProto.Type.Name(field.type)
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    return [field.number, kind, FieldDescriptorProto.Label.Name(field.label), oneof]


def _protoc(*outputs: str) -> None:
    if protoc.main(["protoc", f"-I{ROOT}", *outputs, PROTO]) != 0:
        raise ProtocError(f"protoc refused {PROTO}")


if __name__ == "__main__":
    sys.exit(main())
