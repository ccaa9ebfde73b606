"""A fake Nova with what `recovery.node` needs besides: images, metadata and rebuilds."""

import json

from mistral_actions.errors import Conflict, Forbidden, NotFound, Rejected
from tests.unit.mistral_actions.fake_moves import FakeMoves
from tests.unit.mistral_actions.fake_nova import stamp

IMAGE = "77777777-7777-7777-7777-777777777777"


class FakeNodes(FakeMoves):
    """A cloud with images, in which servers have metadata that can be written."""

    def __init__(self, **more):
        super().__init__(**more)
        self.images = {IMAGE: "ACTIVE"}

    def update_metadata(self, server_id, doing, metadata):
        def update():
            server = self._find(server_id)
            if server["OS-EXT-STS:vm_state"] == "error" or server["OS-EXT-STS:task_state"]:
                raise Conflict("Cannot 'update metadata' (HTTP 409)")
            server["metadata"] = {**server["metadata"], **metadata}

        self._call("update_metadata", update, server_id, doing, metadata)

    def image(self, image_id):
        if image_id not in self.images:
            raise NotFound("no image (HTTP 404)")
        return {"id": image_id, "name": "cirros", "status": self.images[image_id]}

    def _rebuild(self, server, body):
        if server["OS-EXT-STS:task_state"]:
            raise Conflict("Cannot 'rebuild' (HTTP 409)")
        if body["imageRef"] not in self.images:
            raise Rejected("Cannot find image for rebuild (HTTP 400)")
        ends = "stopped" if server["OS-EXT-STS:vm_state"] == "stopped" else "active"
        self._change(server, task_state="rebuilding")
        self._write_down(server["id"], "rebuild")
        server["powered"] = (self.now.replace(microsecond=0), ends)

    def beat(self, *hosts):
        """All hosts, or these, have just sent a heartbeat."""
        for host in hosts or self.services:
            self.services[host]["updated_at"] = stamp(self.now)


def add(nova, vm_state="active", host="compute1", **more):
    return nova.add("web", host, vm_state, **{"image": {"id": IMAGE}, **more})


def through_json(result):
    return json.loads(json.dumps(result))


def other(execution_id, of, decided=True):
    return {"id": execution_id, "of": of, "decided": decided}


def written(nova):
    return [arguments[2] for name, arguments in nova.calls if name in ("act", "update_metadata")]


def denied(*_arguments):
    raise Forbidden("Failed: Policy doesn't allow os_compute_api:x to be performed. (HTTP 403)")
