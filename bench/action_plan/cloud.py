"""The lab of the benchmark, with the same Mistral before each row."""

import shutil
import subprocess
import sys
from pathlib import Path

from lab import Lab
from lab.process import ROOT


class Cloud(Lab):
    """A lab with the pack, and with one compute host that has nothing to do."""

    def __init__(self, state: Path):
        super().__init__(state, hosts=("host1",))

    def up(self, *, fresh: bool = False) -> None:
        """Start the lab, install the pack and keep what Mistral's database is then."""
        super().up(fresh=fresh)
        # the pack of this checkout, even if another one is installed
        environment = self.env | {"PYTHONPATH": str(ROOT)}
        openstack = Path(sys.executable).parent / "openstack"
        subprocess.run([openstack, "recovery", "sync"], env=environment, check=True,
                       stdout=subprocess.DEVNULL)
        self.stop_mistral()
        shutil.copy(self._database, self._kept)

    def renew(self) -> None:
        """Start Mistral anew, with no execution in its database and nothing in its memory."""
        self.stop_mistral()
        for rest in self.state.glob("mistral.sqlite-*"):
            rest.unlink()
        shutil.copy(self._kept, self._database)
        self.start_mistral()

    @property
    def _database(self) -> Path:
        return self.state / "mistral.sqlite"

    @property
    def _kept(self) -> Path:
        return self.state / "kept.sqlite"
