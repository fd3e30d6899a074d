"""How each file of a project is written: a new kind of file is a shape here and a line below."""

from collections.abc import Mapping

from pql.config.shapes.base import Shape
from pql.config.shapes.channels import CHANNEL_FILES
from pql.config.shapes.icp import IcpFile
from pql.config.shapes.people import CustomersFile, RoutingFile, StagesFile
from pql.config.shapes.project import ProjectFile
from pql.config.shapes.scoring import ScoringFile
from pql.config.shapes.signal import MomentFile, SignalFile

# The kind of file, and its place in the project.
FILE_KINDS: Mapping[str, tuple[type[Shape], str]] = {
    "pql": (ProjectFile, "config/pql.yml"),
    "icp": (IcpFile, "config/icp.yml"),
    "scoring": (ScoringFile, "config/scoring.yml"),
    "stages": (StagesFile, "config/stages.yml"),
    "routing": (RoutingFile, "config/routing.yml"),
    "customers": (CustomersFile, "config/customers.yml"),
    "signal": (SignalFile, "signals/<name>.yml"),
    "moment": (MomentFile, "signals/<name>.yml"),
    **{name: (shape, f"notifiers/{name}/channel.yml") for name, shape in CHANNEL_FILES.items()},
}
